"""The one table of what the index knows of an object: keyword, tag, level, VR and column.

The parser fills columns from it, the overlay writes columns back over a stored header, and QIDO-RS
answers from it (PS3.18 Tables 10.6.3-3 to 10.6.3-5).
"""

import re
from dataclasses import dataclass
from enum import StrEnum, auto

from pydicom.datadict import keyword_for_tag, tag_for_keyword


class Level(StrEnum):
    """Levels of the information model; the last is called IMAGE on the wire (PS3.4 C.6.1.1)."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    INSTANCE = "IMAGE"


class Returned(StrEnum):
    """When a search returns an attribute (the types of PS3.18 Tables 10.6.3-3 to 10.6.3-5)."""

    ALWAYS = auto()
    # Where it has a value.
    KNOWN = auto()
    # Where includefield or a key names it.
    ASKED = auto()


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of the index.

    Attributes:
        keyword: PS3.6 keyword.
        tag: Eight upper-case hex digits, as in the DICOM JSON model.
        vr: Value representation.
        level: Where it belongs; patient attributes are repeated on the study's row.
        column: Field of the model at that level.
        derived: Counted by the archive; never read from an object, never written over one.
        matches: A search may name it as a key.
        sequence: Tag of the sequence in whose items it lies; empty for the data set itself. The
            column holds the items then, each an object of keyword → text.
        returned: When the answer to a search holds it.
    """

    keyword: str
    tag: str
    vr: str
    level: Level
    column: str
    derived: bool = False
    matches: bool = True
    sequence: str = ""
    returned: Returned = Returned.ALWAYS

    @property
    def path(self) -> str:
        """Its tag, behind the tag of its sequence and a dot if it lies in one (PS3.18 8.3.4.1)."""
        return f"{self.sequence}.{self.tag}" if self.sequence else self.tag

    @property
    def keyword_path(self) -> str:
        """The same in keywords."""
        if not self.sequence:
            return self.keyword
        return f"{keyword_for_tag(int(self.sequence, 16))}.{self.keyword}"


REQUEST_ATTRIBUTES_SEQUENCE = "00400275"

_TAG = re.compile(r"[0-9A-Fa-f]{8}")

_KNOWN, _ASKED = Returned.KNOWN, Returned.ASKED
_P, _S, _E, _I = Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE

ATTRIBUTES = (
    Attribute("PatientName", "00100010", "PN", _P, "patient_name"),
    Attribute("PatientID", "00100020", "LO", _P, "patient_id"),
    Attribute("IssuerOfPatientID", "00100021", "LO", _P, "issuer_of_patient_id", returned=_ASKED),
    Attribute("PatientBirthDate", "00100030", "DA", _P, "patient_birth_date"),
    Attribute("PatientSex", "00100040", "CS", _P, "patient_sex"),
    Attribute("StudyDate", "00080020", "DA", _S, "study_date"),
    Attribute("StudyTime", "00080030", "TM", _S, "study_time"),
    Attribute(
        "TimezoneOffsetFromUTC", "00080201", "SH", _S, "timezone_offset_from_utc",
        matches=False, returned=_KNOWN,
    ),
    Attribute("AccessionNumber", "00080050", "SH", _S, "accession_number"),
    Attribute("ModalitiesInStudy", "00080061", "CS", _S, "modalities_in_study", derived=True),
    Attribute("ReferringPhysicianName", "00080090", "PN", _S, "referring_physician_name"),
    Attribute("StudyDescription", "00081030", "LO", _S, "study_description", returned=_KNOWN),
    Attribute("StudyInstanceUID", "0020000D", "UI", _S, "study_instance_uid"),
    Attribute("StudyID", "00200010", "SH", _S, "study_id"),
    Attribute(
        "NumberOfStudyRelatedSeries", "00201206", "IS", _S, "number_of_study_related_series",
        derived=True, matches=False,
    ),
    Attribute(
        "NumberOfStudyRelatedInstances", "00201208", "IS", _S, "number_of_study_related_instances",
        derived=True, matches=False,
    ),
    Attribute("Modality", "00080060", "CS", _E, "modality"),
    Attribute("InstitutionName", "00080080", "LO", _E, "institution_name", returned=_ASKED),
    Attribute("SeriesDescription", "0008103E", "LO", _E, "series_description", returned=_KNOWN),
    Attribute("BodyPartExamined", "00180015", "CS", _E, "body_part_examined", returned=_KNOWN),
    Attribute("SeriesInstanceUID", "0020000E", "UI", _E, "series_instance_uid"),
    Attribute("SeriesNumber", "00200011", "IS", _E, "series_number"),
    Attribute(
        "FrameOfReferenceUID", "00200052", "UI", _E, "frame_of_reference_uid",
        matches=False, returned=_ASKED,
    ),
    Attribute(
        "NumberOfSeriesRelatedInstances", "00201209", "IS", _E,
        "number_of_series_related_instances", derived=True, matches=False,
    ),
    Attribute(
        "PerformedProcedureStepStartDate", "00400244", "DA", _E,
        "performed_procedure_step_start_date", returned=_KNOWN,
    ),
    Attribute(
        "PerformedProcedureStepStartTime", "00400245", "TM", _E,
        "performed_procedure_step_start_time", returned=_KNOWN,
    ),
    Attribute(
        "ScheduledProcedureStepID", "00400009", "SH", _E, "request_attributes",
        sequence=REQUEST_ATTRIBUTES_SEQUENCE, returned=_KNOWN,
    ),
    Attribute(
        "RequestedProcedureID", "00401001", "SH", _E, "request_attributes",
        sequence=REQUEST_ATTRIBUTES_SEQUENCE, returned=_KNOWN,
    ),
    Attribute("SOPClassUID", "00080016", "UI", _I, "sop_class_uid"),
    Attribute("SOPInstanceUID", "00080018", "UI", _I, "sop_instance_uid"),
    Attribute("InstanceNumber", "00200013", "IS", _I, "instance_number"),
    Attribute(
        "NumberOfFrames", "00280008", "IS", _I, "number_of_frames",
        matches=False, returned=_KNOWN,
    ),
    Attribute("Rows", "00280010", "US", _I, "rows", matches=False, returned=_KNOWN),
    Attribute("Columns", "00280011", "US", _I, "columns", matches=False, returned=_KNOWN),
    Attribute(
        "BitsAllocated", "00280100", "US", _I, "bits_allocated",
        matches=False, returned=_KNOWN,
    ),
)  # fmt: skip

BY_KEYWORD = {attribute.keyword: attribute for attribute in ATTRIBUTES}
BY_PATH = {attribute.path: attribute for attribute in ATTRIBUTES}

# What describes the object's own pixels or kind: an overlay must not touch it.
_OF_THE_OBJECT = {
    "SOPClassUID", "NumberOfFrames", "Rows", "Columns", "BitsAllocated",
    "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime", "TimezoneOffsetFromUTC",
    "ScheduledProcedureStepID", "RequestedProcedureID",
}  # fmt: skip


def at_level(level: Level) -> tuple[Attribute, ...]:
    return tuple(a for a in ATTRIBUTES if a.level is level)


def identity_attributes() -> tuple[Attribute, ...]:
    """What the index may lay over a stored header: who, which study, series and instance."""
    return tuple(a for a in ATTRIBUTES if not a.derived and a.keyword not in _OF_THE_OBJECT)


def tag_path(name: str) -> str:
    """Keywords and tags joined by dots as tags joined by dots; empty if one of them is neither.

    So `RequestAttributesSequence.00401001` is `00400275.00401001` (PS3.18 8.3.4.1).
    """
    tags = [_tag(part) for part in name.split(".")]
    return ".".join(tags) if all(tags) else ""


def _tag(part: str) -> str:
    if _TAG.fullmatch(part):
        return part.upper()
    tag = tag_for_keyword(part)
    return "" if tag is None else f"{tag:08X}"


def is_uid(text: str) -> bool:
    """Digits in components separated by dots, at most 64 characters (PS3.5 9.1).

    A leading zero in a component, which the standard forbids and old devices write, is accepted.
    """
    return len(text) <= 64 and all(c.isascii() and c.isdigit() for c in text.split("."))
