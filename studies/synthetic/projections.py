"""Projection and moving images: films, mammograms, ultrasound, bone scan, angiography."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from studies.synthetic.anatomy import (
    angiography,
    breast,
    film,
    scintigraphy,
    sonography,
)
from studies.synthetic.anatomy.canvas import FloatArray
from studies.synthetic.part10 import PhantomSeries, Picture

FILM_MAX = 4095
CINE_FRAMES = 24
RUN_FRAMES = 20

Draw = Callable[[], Iterator[Picture]]


def _stored(image: FloatArray, brightest: float) -> "np.ndarray[Any, np.dtype[np.uint16]]":
    """12 bits: nothing in the way is 0, `brightest` is white."""
    scaled = np.clip(image / np.float32(brightest), 0, 1) * FILM_MAX
    return np.rint(scaled).astype(np.uint16)


# --- Films ------------------------------------------------------------------------------------

_DETECTOR = {
    "PresentationIntentType": "FOR PRESENTATION",
    "ImageType": ["ORIGINAL", "PRIMARY", ""],
    "DetectorType": "DIRECT",
    "DetectorConfiguration": "AREA",
    "PixelIntensityRelationship": "LOG",
    "PixelIntensityRelationshipSign": -1,
    "RescaleIntercept": 0,
    "RescaleSlope": 1,
    "RescaleType": "US",
    "LossyImageCompression": "00",
}


def _anatomy(code: str, meaning: str) -> list[dict[str, str]]:
    return [{"CodeValue": code, "CodingSchemeDesignator": "SCT", "CodeMeaning": meaning}]


def _film(name: str, modality: str, part: str, description: str, draw: Draw) -> PhantomSeries:
    return PhantomSeries(name, modality, part, description, 1, draw)


def _dx(image: Callable[[], FloatArray], spacing_mm: float, attributes: Mapping[str, Any]) -> Draw:
    def draw() -> Iterator[Picture]:
        drawn = image()
        stored = _stored(drawn, float(np.percentile(drawn, 99.8)) * 1.04)
        header = {
            **_DETECTOR,
            "PresentationLUTShape": "IDENTITY",
            "ImagerPixelSpacing": [spacing_mm, spacing_mm],
            "WindowCenter": 2048,
            "WindowWidth": 4096,
            **attributes,
        }
        yield Picture(stored, header, bits_stored=12)

    return draw


def _portable_chest() -> Iterator[Picture]:
    drawn = film.chest_frontal(portable=True)
    stored = _stored(drawn, float(np.percentile(drawn, 99.8)) * 1.04)
    header = {
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "ViewPosition": "AP",
        "PatientOrientation": ["L", "F"],
        "ImagerPixelSpacing": [film.CHEST_SPACING_MM, film.CHEST_SPACING_MM],
        "PresentationLUTShape": "INVERSE",
        "WindowCenter": 2048,
        "WindowWidth": 4096,
    }
    inverted = (FILM_MAX - stored).astype(np.uint16)
    yield Picture(inverted, header, bits_stored=12, photometric_interpretation="MONOCHROME1")


_CHEST = _anatomy("51185008", "Chest")
_FILMS = (
    _film(
        "dx-chest-pa", "DX", "CHEST", "Chest PA",
        _dx(film.chest_frontal, film.CHEST_SPACING_MM, {
            "ViewPosition": "PA", "PatientOrientation": ["L", "F"], "ImageLaterality": "U",
            "AnatomicRegionSequence": _CHEST,
        }),
    ),
    _film(
        "dx-chest-lateral", "DX", "CHEST", "Chest lateral",
        _dx(film.chest_lateral, film.CHEST_SPACING_MM, {
            "ViewPosition": "LL", "PatientOrientation": ["P", "F"], "ImageLaterality": "U",
            "AnatomicRegionSequence": _CHEST,
        }),
    ),
    _film(
        "dx-hand-ap", "DX", "HAND", "Hand AP",
        _dx(film.hand, film.HAND_SPACING_MM, {
            "ViewPosition": "AP", "PatientOrientation": ["L", "F"], "ImageLaterality": "R",
            "AnatomicRegionSequence": _anatomy("85562004", "Hand"),
        }),
    ),
    _film("cr-chest-ap", "CR", "CHEST", "Chest AP portable", _portable_chest),
)  # fmt: skip


# --- Mammograms -------------------------------------------------------------------------------

_VIEWS = {
    "CC": ("399162004", "cranio-caudal"),
    "MLO": ("399368009", "medio-lateral oblique"),
}


def _mammogram(side: str, view: str, seed: int) -> PhantomSeries:
    """The chest wall of a right breast lies at the right edge, of a left one at the left."""

    def draw() -> Iterator[Picture]:
        drawn = breast.breast(seed, oblique=view == "MLO")
        left = side == "L"
        stored = _stored(drawn if left else drawn[:, ::-1], 1.15)
        code, meaning = _VIEWS[view]
        down = ("R" if left else "L") if view == "CC" else "F"
        header = {
            **_DETECTOR,
            "PresentationLUTShape": "IDENTITY",
            "ImageLaterality": side,
            "ViewPosition": view,
            "PatientOrientation": ["A" if left else "P", down],
            "ImagerPixelSpacing": [breast.SPACING_MM, breast.SPACING_MM],
            "PositionerType": "MAMMOGRAPHIC",
            "OrganExposed": "BREAST",
            "BreastImplantPresent": "NO",
            "PartialView": "NO",
            "ViewCodeSequence": [
                {"CodeValue": code, "CodingSchemeDesignator": "SCT", "CodeMeaning": meaning}
            ],
            "AnatomicRegionSequence": _anatomy("76752008", "Breast"),
            "WindowCenter": 1800,
            "WindowWidth": 3400,
        }
        yield Picture(stored, header, bits_stored=12)

    name = f"mg-{side.lower()}{view.lower()}"
    return PhantomSeries(name, "MG", "BREAST", f"{side} {view}", 1, draw)


_MAMMOGRAMS = tuple(
    _mammogram(side, view, seed)
    for side, view, seed in (("R", "CC", 41), ("L", "CC", 42), ("R", "MLO", 41), ("L", "MLO", 42))
)


# --- Ultrasound -------------------------------------------------------------------------------

_REGION = {
    "RegionSpatialFormat": 1,
    "RegionDataType": 1,
    "RegionFlags": 0,
    "RegionLocationMinX0": 0,
    "RegionLocationMinY0": 0,
    "RegionLocationMaxX1": sonography.SHAPE[1] - 1,
    "RegionLocationMaxY1": sonography.SHAPE[0] - 1,
    "PhysicalUnitsXDirection": 3,  # cm
    "PhysicalUnitsYDirection": 3,
    "PhysicalDeltaX": sonography.MM_PER_PIXEL / 10,
    "PhysicalDeltaY": sonography.MM_PER_PIXEL / 10,
}
_SONOGRAPHY = {
    "ImageType": ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"],
    "SequenceOfUltrasoundRegions": [_REGION],
    "PatientOrientation": "",
    "WindowCenter": 128,
    "WindowWidth": 256,
}


def _abdomen() -> Iterator[Picture]:
    for organ in (sonography.liver, sonography.kidney, sonography.gallbladder):
        yield Picture(np.rint(organ()).astype(np.uint8), _SONOGRAPHY, bits_stored=8)


def _heart() -> Iterator[Picture]:
    frames = np.stack(list(sonography.beating_heart(CINE_FRAMES)))
    header = {
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "SequenceOfUltrasoundRegions": [_REGION],
        "PatientOrientation": "",
        "FrameTime": 40,
        "CineRate": 25,
        "RecommendedDisplayFrameRate": 25,
        "FrameIncrementPointer": 0x00181063,
    }
    pixels = np.rint(frames).astype(np.uint8)
    yield Picture(pixels, header, bits_stored=8, sop_class="US multi-frame", jpeg=True)


# --- Nuclear medicine -------------------------------------------------------------------------


def _bone_scan() -> Iterator[Picture]:
    views = [scintigraphy.whole_body(posterior=posterior) for posterior in (False, True)]
    header = {
        "ImageType": ["ORIGINAL", "PRIMARY", "WHOLE BODY", "EMISSION"],
        "FrameIncrementPointer": [0x00540010, 0x00540020],
        "EnergyWindowVector": [1, 1],
        "NumberOfEnergyWindows": 1,
        "DetectorVector": [1, 2],
        "NumberOfDetectors": 2,
        "PixelSpacing": [scintigraphy.MM_PER_PIXEL, scintigraphy.MM_PER_PIXEL],
        "CountsAccumulated": int(sum(view.sum() for view in views)),
        "ActualFrameDuration": 900000,
        "WholeBodyTechnique": "1PASS",
        "PatientOrientationCodeSequence": "",
        "PatientGantryRelationshipCodeSequence": "",
        "EnergyWindowInformationSequence": [
            {"EnergyWindowName": "Tc99m", "EnergyWindowRangeSequence": [
                {"EnergyWindowLowerLimit": 126, "EnergyWindowUpperLimit": 154},
            ]},
        ],
        "RadiopharmaceuticalInformationSequence": [
            {"Radiopharmaceutical": "Tc-99m MDP", "RadionuclideCodeSequence": _anatomy(
                "72454009", "^99m^Technetium")},
        ],
        "DetectorInformationSequence": [
            {"CollimatorType": "PARA", "ViewCodeSequence": _anatomy(code, meaning)}
            for code, meaning in (("255549009", "Anterior"), ("255551008", "Posterior"))
        ],
        "WindowCenter": 11,
        "WindowWidth": 22,
        "PresentationLUTShape": "INVERSE",
    }  # fmt: skip
    counts = np.rint(np.stack(views)).astype(np.uint16)
    # Bone scans are read dark on white.
    yield Picture(counts, header, bits_stored=16, photometric_interpretation="MONOCHROME1")


# --- Angiography ------------------------------------------------------------------------------


def _coronary_run() -> Iterator[Picture]:
    frames = np.stack(list(angiography.run(RUN_FRAMES)))
    header = {
        "ImageType": ["ORIGINAL", "PRIMARY", "SINGLE PLANE"],
        "PixelIntensityRelationship": "LOG",
        "FrameTime": 66.67,
        "CineRate": 15,
        "RecommendedDisplayFrameRate": 15,
        "FrameIncrementPointer": 0x00181063,
        "KVP": 80,
        "RadiationSetting": "GR",
        "PositionerMotion": "STATIC",
        "PositionerPrimaryAngle": -30,
        "PositionerSecondaryAngle": 20,
        "ImagerPixelSpacing": [0.36, 0.36],
        "PatientOrientation": "",
        "WindowCenter": 128,
        "WindowWidth": 230,
    }
    yield Picture(np.rint(frames).astype(np.uint8), header, bits_stored=8, jpeg=True)


SERIES = (
    *_FILMS,
    *_MAMMOGRAMS,
    PhantomSeries("us-abdomen", "US", "ABDOMEN", "Abdomen", 3, _abdomen),
    PhantomSeries("us-heart-cine", "US", "HEART", "Four chamber", 1, _heart),
    PhantomSeries("nm-bone-whole-body", "NM", "WHOLEBODY", "Whole body bone", 1, _bone_scan),
    PhantomSeries("xa-coronary", "XA", "HEART", "Left coronary", 1, _coronary_run),
)
