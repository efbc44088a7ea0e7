"""A document of content items as a Part 10 file (PS3.3 A.35): whose, of which study, about what."""

import datetime
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from studies.dicom.content_items import value
from studies.dicom.json_values import Header, items_of
from studies.dicom.overlay import Identity, to_element
from studies.dicom.parse import EXPLICIT_VR_LITTLE_ENDIAN

_MANUFACTURER = "PACS Portal"
_PREDECESSORS, _SERIES, _INSTANCES = "0040A360", "00081115", "00081199"


@dataclass(frozen=True, slots=True)
class Reference:
    """An instance of the same study that a document names."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    number_of_frames: int = 1


@dataclass(frozen=True, slots=True)
class Document:
    """What a document says of itself, whatever it holds.

    Attributes:
        identity: Of patient and study, keyword → value.
        author: Name of the person, `Family^Given`.
        login: Name under which they sign in.
        written_at: In the time zone in which it is to be written; a zone is named if the study has
            named one.
        predecessors: Documents whose content this one takes over.
    """

    identity: Identity
    sop_instance_uid: str
    series_instance_uid: str
    series_number: int
    instance_number: int
    author: str
    login: str
    written_at: datetime.datetime
    names_time_zone: bool = False
    predecessors: Sequence[Reference] = ()


def document_dataset(document: Document, references: Iterable[Reference], root: Dataset) -> Dataset:
    """All modules that structured reports and key object selections have in common.

    Args:
        document: Whose it is, and of which study.
        references: The instances that its content refers to.
        root: The content; its elements become those of the data set.
    """
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword, identity in document.identity.items():
        dataset.add(to_element(keyword, identity))
    day, time = document.written_at.strftime("%Y%m%d"), document.written_at.strftime("%H%M%S.%f")
    dataset.InstanceCreationDate = dataset.ContentDate = dataset.SeriesDate = day
    dataset.InstanceCreationTime = dataset.ContentTime = dataset.SeriesTime = time
    if document.names_time_zone:
        dataset.TimezoneOffsetFromUTC = document.written_at.strftime("%z")
    dataset.Manufacturer = _MANUFACTURER
    dataset.SOPInstanceUID = document.sop_instance_uid
    dataset.SeriesInstanceUID = document.series_instance_uid
    dataset.SeriesNumber = document.series_number
    dataset.InstanceNumber = document.instance_number
    dataset.ReferencedPerformedProcedureStepSequence = []  # type 2: known to nobody here
    study_uid = document.identity["StudyInstanceUID"]
    if evidence := _by_series(study_uid, references):
        dataset.CurrentRequestedProcedureEvidenceSequence = evidence
    if predecessors := _by_series(study_uid, document.predecessors):
        dataset.PredecessorDocumentsSequence = predecessors
    dataset.update(root)
    return dataset


def template(identifier: str) -> Dataset:
    """Of PS3.16."""
    item = Dataset()
    item.MappingResource, item.TemplateIdentifier = "DCMR", identifier
    return item


def _by_series(study_uid: str, references: Iterable[Reference]) -> list[Dataset]:
    """The references as the Hierarchical SOP Instance Reference Macro (PS3.3 C.17.2.1) has them."""
    ordered = sorted(set(references), key=lambda r: (r.series_instance_uid, r.sop_instance_uid))
    study = Dataset()
    study.StudyInstanceUID = study_uid
    study.ReferencedSeriesSequence = []
    for series_uid, group in groupby(ordered, key=lambda r: r.series_instance_uid):
        series = Dataset()
        series.SeriesInstanceUID = series_uid
        series.ReferencedSOPSequence = [_reference(reference) for reference in group]
        study.ReferencedSeriesSequence.append(series)
    return [study] if ordered else []


def _reference(reference: Reference) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = reference.sop_class_uid
    item.ReferencedSOPInstanceUID = reference.sop_instance_uid
    return item


def predecessors_of(header: Header) -> set[str]:
    """SOP Instance UIDs of the documents that this one takes the place of."""
    return {
        value(instance, "00081155")
        for study in items_of(header, _PREDECESSORS)
        for series in items_of(study, _SERIES)
        for instance in items_of(series, _INSTANCES)
    }


def to_part10(dataset: Dataset) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = UID(EXPLICIT_VR_LITTLE_ENDIAN)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()
