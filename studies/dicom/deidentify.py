"""A header without whose it is: what is not on the list is left out (PS3.15 E.1, as a guide).

Kept is what a viewer needs to decode, scale and place the pixels. So no name, identifier, date,
text, private element or long value is passed on, whatever a device has written where. UIDs stay,
because the addresses of the archive are made of them: who knows the archive can find the study
again.
"""

from typing import Any

from pydicom.datadict import tag_for_keyword

from studies.dicom.json_model import JsonObject

# Kinds of images whose pixels seldom hold text. Of all others, secondary captures above all, the
# picture itself often tells the name (PS3.15 E.3.1).
SOP_CLASSES = [
    f"1.2.840.10008.5.1.4.1.1.{number}"
    for number in (
        "1", "1.1", "1.1.1", "1.2", "1.2.1",  # CR, DX, MG
        "2", "2.1", "2.2", "4", "4.1", "4.4",  # CT, MR, their enhanced and legacy converted forms
        "20", "128", "128.1", "130",  # NM, PET
    )
]  # fmt: skip

_KEYWORDS = (
    # which image it is
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality",
    "ImageType", "SeriesNumber", "AcquisitionNumber", "InstanceNumber", "FrameOfReferenceUID",
    "AvailableTransferSyntaxUID",
    # where it lies
    "PatientPosition", "PatientOrientation", "ImagePositionPatient", "ImageOrientationPatient",
    "SliceLocation", "SliceThickness", "SpacingBetweenSlices", "PixelSpacing",
    "ImagerPixelSpacing", "PixelSpacingCalibrationType", "EstimatedRadiographicMagnificationFactor",
    "Laterality", "ImageLaterality", "ViewPosition", "GantryDetectorTilt",
    # what its pixels are
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames",
    "FrameIncrementPointer", "FrameTime", "FrameTimeVector", "CineRate",
    "RecommendedDisplayFrameRate", "Rows", "Columns", "PixelAspectRatio", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation", "SmallestImagePixelValue",
    "LargestImagePixelValue", "PixelPaddingValue", "PixelPaddingRangeLimit", "WindowCenter",
    "WindowWidth", "VOILUTFunction", "RescaleIntercept", "RescaleSlope", "RescaleType",
    "PixelIntensityRelationship", "PixelIntensityRelationshipSign", "PresentationLUTShape",
    "LossyImageCompression", "BurnedInAnnotation", "PixelData",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
    "ModalityLUTSequence", "VOILUTSequence", "LUTDescriptor", "LUTData",
    # how it was made, in numbers
    "KVP", "EchoTime", "EchoNumbers", "RepetitionTime", "InversionTime", "FlipAngle",
    "MagneticFieldStrength", "DiffusionBValue", "Units", "CorrectedImage", "DecayCorrection",
    # of many frames
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "PixelMeasuresSequence",
    "PlanePositionSequence", "PlaneOrientationSequence", "FrameVOILUTSequence",
    "PixelValueTransformationSequence", "FrameContentSequence",
    "InStackPositionNumber", "TemporalPositionIndex", "DimensionIndexValues",
    "FrameAcquisitionNumber", "FrameAnatomySequence", "FrameLaterality", "FrameType",
    "CTImageFrameTypeSequence", "MRImageFrameTypeSequence", "PETFrameTypeSequence",
    "DimensionOrganizationSequence", "DimensionOrganizationUID", "DimensionIndexSequence",
    "DimensionIndexPointer", "FunctionalGroupPointer", "DimensionOrganizationType",
    "NumberOfSlices", "NumberOfTimeSlices", "SliceVector", "TimeSliceVector", "DetectorVector",
    "NumberOfDetectors", "EnergyWindowVector", "NumberOfEnergyWindows",
)  # fmt: skip
TAGS = frozenset(f"{tag_for_keyword(keyword):08X}" for keyword in _KEYWORDS)
# Numbers, codes and UIDs; a text that stands under a tag of the list was not meant there.
_VRS = frozenset(
    ("AT", "CS", "DS", "FD", "FL", "IS", "OB", "OW", "SL", "SQ", "SS", "UI", "UL", "US")
)
_METHOD = "PS3.15 E.1 as a guide: attributes by an allow-list, no dates, no text; UIDs kept"


def deidentify(header: JsonObject) -> JsonObject:
    """A header in the DICOM JSON model, of which only what tells nobody's identity is left."""
    said = {
        "00120062": {"vr": "CS", "Value": ["YES"]},  # Patient Identity Removed
        "00120063": {"vr": "LO", "Value": [_METHOD]},  # De-identification Method
        "00280303": {
            "vr": "CS",
            "Value": ["REMOVED"],
        },  # Longitudinal Temporal Information Modified
    }
    return dict(sorted((_kept(header) | said).items()))


def _kept(header: JsonObject) -> JsonObject:
    return {
        tag: _element(element)
        for tag, element in header.items()
        if tag in TAGS and element.get("vr") in _VRS
    }


def _element(element: dict[str, Any]) -> dict[str, Any]:
    """Without the address of a long value, which is not to be had."""
    kept: dict[str, Any] = {
        name: element[name] for name in ("vr", "Value", "InlineBinary") if name in element
    }
    if kept["vr"] == "SQ":
        kept["Value"] = [_kept(item) for item in element.get("Value", [])]
    return kept
