"""DICOMDIR, the directory of a File-set (PS3.3 F, PS3.10 8.6), of one study, without its files.

pydicom's own `FileSet` copies every file that it lists. Here a record is made of what the index
knows and encoded at once, so what is kept for an instance is some hundred bytes.
"""

import io
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage, generate_uid

from studies.dicom.json_model import UNREADABLE, JsonObject
from studies.dicom.overlay import Identity, to_element

_STORAGE = "1.2.840.10008.5.1.4.1.1."

# Type of the directory record of a SOP class, or of all classes below a number (PS3.3 F.5.4 to
# F.5.46). What is not named here is an image.
_RECORD_TYPES = {
    "4.2": "SPECTROSCOPY",
    "9": "WAVEFORM",
    "11": "PRESENTATION",
    "66": "RAW DATA",
    "66.1": "REGISTRATION",
    "66.2": "FIDUCIAL",
    "66.3": "REGISTRATION",
    "66.4": "IMAGE",
    "66.5": "SURFACE",
    "66.6": "TRACT",
    "66.7": "IMAGE",
    "66.8": "IMAGE",
    "67": "VALUE MAP",
    "68.1": "SURFACE SCAN",
    "68.2": "SURFACE SCAN",
    "77.1.5.3": "STEREOMETRIC",
    "78": "MEASUREMENT",
    "79.1": "SR DOCUMENT",
    "80.1": "MEASUREMENT",
    "88": "SR DOCUMENT",
    "88.59": "KEY OBJECT DOC",
    "90.1": "ASSESSMENT",
    "104": "ENCAP DOC",
    "481": "RADIOTHERAPY",
    "481.1": "IMAGE",
    "481.2": "RT DOSE",
    "481.3": "RT STRUCTURE SET",
    "481.4": "RT TREAT RECORD",
    "481.5": "RT PLAN",
    "481.6": "RT TREAT RECORD",
    "481.7": "RT TREAT RECORD",
    "481.8": "RT PLAN",
    "481.9": "RT TREAT RECORD",
    "481.23": "IMAGE",
    "481.24": "IMAGE",
}

_PATIENT_KEYS = ("PatientName", "PatientID")
_STUDY_KEYS = (
    "StudyDate", "StudyTime", "StudyDescription", "StudyInstanceUID", "StudyID", "AccessionNumber",
)  # fmt: skip
_SERIES_KEYS = ("Modality", "SeriesInstanceUID", "SeriesNumber")
_CONTENT = ("ContentDate", "ContentTime")
_LABEL = ("ContentLabel", "ContentDescription", "ContentCreatorName")
# Keys of the instance itself by type of record, besides its number (PS3.3 F.5).
_INSTANCE_KEYS = {
    "ASSESSMENT": ("InstanceCreationDate", "InstanceCreationTime"),
    "ENCAP DOC": (
        *_CONTENT, "DocumentTitle", "HL7InstanceIdentifier", "ConceptNameCodeSequence",
        "MIMETypeOfEncapsulatedDocument",
    ),
    "FIDUCIAL": (*_CONTENT, *_LABEL),
    "KEY OBJECT DOC": (*_CONTENT, "ConceptNameCodeSequence", "ContentSequence"),
    "MEASUREMENT": (*_CONTENT, *_LABEL),
    "PRESENTATION": (
        "PresentationCreationDate", "PresentationCreationTime", *_LABEL,
        "ReferencedSeriesSequence", "BlendingSequence",
    ),
    "RADIOTHERAPY": (
        "UserContentLabel", "UserContentLongLabel", "ContentDescription", "ContentCreatorName",
    ),
    "RAW DATA": _CONTENT,
    "REGISTRATION": (*_CONTENT, *_LABEL),
    "RT DOSE": ("DoseSummationType",),
    "RT PLAN": ("RTPlanLabel", "RTPlanDate", "RTPlanTime"),
    "RT STRUCTURE SET": ("StructureSetLabel", "StructureSetDate", "StructureSetTime"),
    "RT TREAT RECORD": ("TreatmentDate", "TreatmentTime"),
    "SPECTROSCOPY": (
        "ImageType", *_CONTENT, "ReferencedImageEvidenceSequence", "NumberOfFrames", "Rows",
        "Columns", "DataPointRows", "DataPointColumns",
    ),
    "SR DOCUMENT": (
        "CompletionFlag", "VerificationFlag", *_CONTENT, "VerificationDateTime",
        "ConceptNameCodeSequence", "ContentSequence",
    ),
    "SURFACE": (*_CONTENT, *_LABEL),
    "SURFACE SCAN": _CONTENT,
    "TRACT": (*_CONTENT, *_LABEL),
    "VALUE MAP": (*_CONTENT, *_LABEL),
    "WAVEFORM": _CONTENT,
}  # fmt: skip
# Type 1C: absent where the instance has none; any other key is then empty.
_CONDITIONAL_KEYS = {
    "BlendingSequence", "ContentSequence", "HL7InstanceIdentifier",
    "ReferencedImageEvidenceSequence", "ReferencedSeriesSequence", "UserContentLabel",
    "UserContentLongLabel", "VerificationDateTime",
}  # fmt: skip
_RELATIONSHIP_TYPE = "0040A010"

_UTF_8 = "ISO_IR 192"
_IN_USE = 0xFFFF
# The three elements every record starts with: next record, in use, first record below.
_LINKS = struct.Struct("<HH2sHI HH2sHH HH2sHI")
_ITEM = struct.Struct("<HHI")
_SEQUENCE = struct.Struct("<HH2sHI")


@dataclass(slots=True)
class _Record:
    """A directory record, encoded but for its links, and the records below it."""

    body: bytes
    below: list["_Record"] = field(default_factory=list)

    @property
    def size(self) -> int:
        return _ITEM.size + _LINKS.size + len(self.body)


def record_type(sop_class_uid: str) -> str:
    """Directory Record Type (0004,1430) of an instance of this class."""
    number = sop_class_uid.removeprefix(_STORAGE)
    while number:
        if number in _RECORD_TYPES:
            return _RECORD_TYPES[number]
        number = number.rpartition(".")[0]
    return "IMAGE"


def needs_header(sop_class_uid: str) -> bool:
    """Whether the record of such an instance has keys that the index lacks."""
    return record_type(sop_class_uid) in _INSTANCE_KEYS


class Directory:
    """Names the files of a File-set of one study and lists them."""

    def __init__(self) -> None:
        self._patient: _Record | None = None
        self._series: dict[str, tuple[str, _Record]] = {}

    def add(
        self,
        identity: Identity,
        *,
        sop_class_uid: str,
        transfer_syntax_uid: str,
        header: JsonObject | None = None,
    ) -> tuple[str, ...]:
        """List one instance.

        Args:
            identity: Who and what it is, as `retrieve.identity_of` gives it.
            sop_class_uid: What the record refers to.
            transfer_syntax_uid: The one of the file.
            header: Of the instance in the DICOM JSON model, where `needs_header` says so.

        Returns:
            Components of the name of its file, each of eight characters (PS3.10 8.2): the series
            and the instance are counted, so nothing of the patient stands in a name.
        """
        series_uid = identity["SeriesInstanceUID"]
        if series_uid not in self._series:
            self._add_series(identity)
        name, series = self._series[series_uid]
        number = len(series.below) + 1
        file_id = ("DICOM", name, f"I{number:07}")
        record = _reference(file_id, sop_class_uid, transfer_syntax_uid, identity)
        record.add(to_element("InstanceNumber", identity["InstanceNumber"] or number))
        _add_keys(record, header or {})
        series.below.append(_Record(_encode(record)))
        return file_id

    def _add_series(self, identity: Identity) -> None:
        if self._patient is None:
            self._patient = _Record(_encode(_of_index("PATIENT", _PATIENT_KEYS, identity)))
            study = _Record(_encode(_of_index("STUDY", _STUDY_KEYS, identity)))
            self._patient.below.append(study)
        (study,) = self._patient.below
        series = _Record(_encode(_of_index("SERIES", _SERIES_KEYS, identity)))
        study.below.append(series)
        self._series[identity["SeriesInstanceUID"]] = (f"S{len(study.below):07}", series)

    def encode(self) -> bytes:
        """The DICOMDIR as a Part 10 file in explicit VR little endian (PS3.10 8.6)."""
        output = _file_start()
        if self._patient is not None:
            _write_records(output, self._patient)
        return output.getvalue()


def _of_index(type_: str, keys: tuple[str, ...], identity: Identity) -> Dataset:
    record = _record(type_)
    for keyword in keys:
        record.add(to_element(keyword, identity[keyword]))
    return record


def _record(type_: str) -> Dataset:
    record = Dataset()
    record.DirectoryRecordType = type_
    record.SpecificCharacterSet = _UTF_8
    return record


def _reference(
    file_id: tuple[str, ...], sop_class_uid: str, transfer_syntax_uid: str, identity: Identity
) -> Dataset:
    record = _record(record_type(sop_class_uid))
    record.ReferencedFileID = list(file_id)
    record.ReferencedSOPClassUIDInFile = sop_class_uid
    record.ReferencedSOPInstanceUIDInFile = identity["SOPInstanceUID"]
    record.ReferencedTransferSyntaxUIDInFile = transfer_syntax_uid
    return record


def _add_keys(record: Dataset, header: JsonObject) -> None:
    """The keys of the record's type; what the instance lacks, or has unreadable, stays empty."""
    for keyword in _INSTANCE_KEYS.get(record.DirectoryRecordType, ()):
        element = _element_of(header, keyword)
        if element is not None:
            record.add(element)
        elif keyword not in _CONDITIONAL_KEYS:
            setattr(record, keyword, None)


def _element_of(header: JsonObject, keyword: str) -> Any:
    tag = f"{tag_for_keyword(keyword):08X}"
    attribute = dict(header.get(tag, {}))
    if keyword == "ContentSequence":
        attribute["Value"] = [item for item in attribute.get("Value", []) if _is_modifier(item)]
    if not attribute.get("Value"):
        return None
    try:
        alone = Dataset.from_json({tag: attribute})
        alone.SpecificCharacterSet = _UTF_8
        _encode(alone)  # in which some values fail that the model can hold
        return alone[tag]
    except UNREADABLE:
        return None


def _is_modifier(item: Mapping[str, Any]) -> bool:
    """Only what modifies the title belongs into a directory, not the report (PS3.3 F.5.25)."""
    return "HAS CONCEPT MOD" in item.get(_RELATIONSHIP_TYPE, {}).get("Value", [])


def _encode(record: Dataset) -> bytes:
    output = DicomBytesIO()
    output.is_implicit_VR, output.is_little_endian = False, True
    write_dataset(output, record)
    return bytes(output.getvalue())


def _file_start() -> io.BytesIO:
    """Preamble and file meta information."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(prefix=None)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    output = DicomBytesIO()
    output.write(bytes(128) + b"DICM")
    write_file_meta_info(output, meta)
    return io.BytesIO(output.getvalue())


def _write_records(output: io.BytesIO, root: _Record) -> None:
    output.seek(0, io.SEEK_END)
    file_set = Dataset()
    file_set.FileSetID = ""
    file_set.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    file_set.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    file_set.FileSetConsistencyFlag = 0
    start = output.tell() + len(_encode(file_set)) + _SEQUENCE.size
    file_set.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = start
    file_set.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = start
    output.write(_encode(file_set))
    output.write(_SEQUENCE.pack(0x0004, 0x1220, b"SQ", 0, _size_below([root])))
    _write_siblings(output, [root])


def _size_below(records: list[_Record]) -> int:
    return sum(record.size + _size_below(record.below) for record in records)


def _write_siblings(output: io.BytesIO, records: list[_Record]) -> None:
    """Each record, then those below it; a link is the place in the file of an item's tag, or 0."""
    for following, record in _counted_down(records):
        below = output.tell() + record.size
        next_record = below + _size_below(record.below) if following else 0
        output.write(_ITEM.pack(0xFFFE, 0xE000, record.size - _ITEM.size))
        output.write(
            _LINKS.pack(
                0x0004, 0x1400, b"UL", 4, next_record,
                0x0004, 0x1410, b"US", 2, _IN_USE,
                0x0004, 0x1420, b"UL", 4, below if record.below else 0,
            )
        )  # fmt: skip
        output.write(record.body)
        _write_siblings(output, record.below)


def _counted_down(records: list[_Record]) -> Iterator[tuple[int, _Record]]:
    return zip(range(len(records) - 1, -1, -1), records, strict=True)
