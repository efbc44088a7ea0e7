"""Synthetic images: proper DICOM, plausible anatomy, the same bytes every time."""

import io
import itertools

import numpy as np
import pydicom
import pytest

from studies.dicom.attributes import is_uid
from studies.synthetic.phantoms import CATALOGUE
from studies.synthetic.procedures import PROCEDURES
from studies.tests.drawn import drawn_instances

pytestmark = [pytest.mark.timeout(300)]

BY_NAME = {series.name: series for series in CATALOGUE}
STACKS = [s.name for s in CATALOGUE if s.number_of_instances > 5]
CINES = ["us-heart-cine", "xa-coronary"]


@pytest.fixture(scope="module")
def drawn(phantoms) -> dict[str, list[bytes]]:
    return {series.name: list(drawn_instances(phantoms, series)) for series in CATALOGUE}


def read(content: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(content))


def values(dataset: pydicom.Dataset) -> np.ndarray:
    """In the unit of the modality."""
    slope, intercept = dataset.get("RescaleSlope", 1), dataset.get("RescaleIntercept", 0)
    return dataset.pixel_array.astype(float) * float(slope) + float(intercept)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_series_has_as_many_instances_as_it_says_each_with_a_picture(drawn, name):
    datasets = [read(content) for content in drawn[name]]

    assert len(datasets) == BY_NAME[name].number_of_instances
    assert [d.InstanceNumber for d in datasets] == list(range(1, len(datasets) + 1))
    assert {d.Modality for d in datasets} == {BY_NAME[name].modality}
    assert all(d.pixel_array.std() > 1 for d in datasets)


def test_all_uids_are_valid_and_each_instance_has_its_own(drawn):
    datasets = [read(content) for contents in drawn.values() for content in contents]

    assert all(is_uid(d.SOPInstanceUID) and is_uid(d.SeriesInstanceUID) for d in datasets)
    assert len({d.SOPInstanceUID for d in datasets}) == len(datasets)


@pytest.mark.parametrize(
    "name", ["ct-head-scout", "mr-knee-pd-sagittal", "us-heart-cine", "mg-rcc"]
)
def test_drawing_again_gives_the_same_bytes(drawn, name):
    assert list(BY_NAME[name].instances()) == drawn[name]


@pytest.mark.parametrize("name", BY_NAME)
def test_a_phantom_is_nobody(drawn, name):
    dataset = read(drawn[name][0])

    assert dataset.PatientID == "PHANTOM"
    assert not any(
        dataset.get(k) for k in ("PatientBirthDate", "StudyDate", "SeriesDate", "AccessionNumber")
    )


@pytest.mark.parametrize("name", STACKS)
def test_slices_are_parallel_and_evenly_spaced_in_one_frame_of_reference(drawn, name):
    datasets = [read(content) for content in drawn[name]]
    positions = np.array([d.ImagePositionPatient for d in datasets], float)
    steps = np.diff(positions, axis=0)

    assert len({tuple(d.ImageOrientationPatient) for d in datasets}) == 1
    assert np.allclose(steps, steps[0], atol=1e-3)
    assert np.isclose(np.linalg.norm(steps[0]), float(datasets[0].get("SpacingBetweenSlices", 0)))
    assert len({d.FrameOfReferenceUID for d in datasets}) == 1


@pytest.mark.parametrize("name", STACKS)
def test_each_slice_differs_from_the_next(drawn, name):
    pictures = [values(read(content)) for content in drawn[name]]

    changes = [np.abs(a - b).mean() / max(a.std(), 1e-9) for a, b in itertools.pairwise(pictures)]
    assert min(changes) > 0.005


@pytest.mark.parametrize("name", CINES)
def test_a_cine_moves(drawn, name):
    frames = read(drawn[name][0]).pixel_array.astype(int)

    assert len(frames) >= 20
    assert np.abs(np.diff(frames, axis=0)).mean() > 0.5


def test_a_chest_in_hounsfield_units_has_air_lung_soft_tissue_and_bone(drawn):
    middle = values(read(drawn["ct-torso-axial"][14]))

    assert np.percentile(middle, 1) < -950
    assert ((middle > -900) & (middle < -750)).mean() > 0.05
    assert ((middle > 0) & (middle < 200)).mean() > 0.05
    assert (middle > 300).mean() > 0.005


def test_a_head_has_a_skull_around_a_brain(drawn):
    middle = values(read(drawn["ct-head-axial"][18]))
    rows, columns = middle.shape

    assert (middle > 700).mean() > 0.02
    assert 10 < np.median(middle[rows // 3 : -rows // 3, columns // 3 : -columns // 3]) < 60


def test_water_is_bright_in_t2_and_dark_in_flair(drawn):
    t2, flair = (values(read(drawn[f"mr-brain-{name}-axial"][12])) for name in ("t2", "flair"))
    water = t2 > np.percentile(t2, 99)

    assert flair[water].mean() < t2[water].mean() / 3


@pytest.mark.parametrize(("name", "inverted"), [("dx-chest-pa", False), ("cr-chest-ap", True)])
def test_lungs_are_darker_than_the_spine_on_the_screen(drawn, name, inverted):
    dataset = read(drawn[name][0])
    picture = -values(dataset) if inverted else values(dataset)
    rows, columns = picture.shape
    band = slice(int(rows * 0.4), int(rows * 0.5))
    spine = picture[band, int(columns * 0.48) : int(columns * 0.52)].mean()

    assert (dataset.PhotometricInterpretation == "MONOCHROME1") is inverted
    assert picture[band, int(columns * 0.22) : int(columns * 0.32)].mean() < spine
    assert picture[band, int(columns * 0.68) : int(columns * 0.78)].mean() < spine


@pytest.mark.parametrize(
    ("name", "side"), [("mg-rcc", "R"), ("mg-lcc", "L"), ("mg-rmlo", "R"), ("mg-lmlo", "L")]
)
def test_a_breast_lies_on_its_own_side(drawn, name, side):
    dataset = read(drawn[name][0])
    left_half, right_half = np.hsplit(values(dataset), 2)

    assert dataset.ImageLaterality == side
    assert (right_half.mean() > left_half.mean()) is np.bool_(side == "R")


def test_every_procedure_is_of_phantoms_that_exist_and_of_their_modality():
    for procedure in PROCEDURES:
        modalities = {BY_NAME[step.phantom].modality for step in procedure.steps}
        assert procedure.modality in modalities


def test_the_phantoms_together_stay_small(drawn):
    assert sum(len(content) for contents in drawn.values() for content in contents) < 130e6
