"""A small digital slide: a picture at three resolutions, in baseline JPEG tiles (PS3.3 A.32.8)."""

import io
import random
from pathlib import Path

from PIL import Image, ImageCms, ImageDraw
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage

from bench.one_origin import Visit, colours
from studies.tests.builders import to_file

TILE = 256
BASE = 2048
LEVELS = (2048, 1024, 512)
BASE_SPACING_MM = 0.001
STUDY = "2.25.3140"
MOST_COLOURS_OF_NOTHING = 64  # an empty ground or a drawn scale has fewer than tissue


def write_slide(directory: Path) -> list[Path]:
    """One file for each resolution."""
    picture = draw()
    paths = []
    for number, size in enumerate(LEVELS, start=1):
        path = directory / f"level-{number}.dcm"
        path.write_bytes(make_level(picture.resize((size, size)), number))
        paths.append(path)
    return paths


def draw() -> Image.Image:
    """Something like a stained section: pink ground, violet nuclei, the same on every run."""
    chance = random.Random(1)
    picture = Image.new("RGB", (BASE, BASE), (238, 200, 215))
    pen = ImageDraw.Draw(picture)
    for _ in range(1500):
        x, y, radius = chance.randrange(BASE), chance.randrange(BASE), chance.randrange(5, 25)
        shade = (chance.randrange(80, 150), chance.randrange(40, 90), chance.randrange(110, 190))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=shade)
    return picture


def make_level(picture: Image.Image, number: int) -> bytes:
    size = picture.width
    dataset = Dataset()
    dataset.SOPClassUID = VLWholeSlideMicroscopyImageStorage
    dataset.SOPInstanceUID = f"{STUDY}.1.{number}"
    dataset.StudyInstanceUID = STUDY
    dataset.SeriesInstanceUID = f"{STUDY}.1"
    dataset.FrameOfReferenceUID = f"{STUDY}.2"
    dataset.PatientName, dataset.PatientID = "Slide^Whole", "WSI-1"
    dataset.PatientBirthDate, dataset.PatientSex = "19700101", "O"
    dataset.StudyDate = dataset.ContentDate = "20260102"
    dataset.StudyTime = dataset.ContentTime = "101500"
    dataset.AcquisitionDateTime = "20260102101500"
    dataset.AccessionNumber, dataset.StudyID, dataset.ReferringPhysicianName = "WSI-1", "1", ""
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "SM", "1", str(number)
    dataset.Manufacturer, dataset.ManufacturerModelName = "Drawn", "Drawn"
    dataset.DeviceSerialNumber, dataset.SoftwareVersions = "1", "1"
    dataset.ImageType = ["ORIGINAL" if size == BASE else "DERIVED", "PRIMARY", "VOLUME", "NONE"]
    dataset.ImagedVolumeWidth = dataset.ImagedVolumeHeight = BASE * BASE_SPACING_MM
    dataset.ImagedVolumeDepth = 1.0
    dataset.TotalPixelMatrixColumns = dataset.TotalPixelMatrixRows = size
    dataset.TotalPixelMatrixOriginSequence = Sequence([origin()])
    dataset.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    dataset.DimensionOrganizationType = "TILED_FULL"
    dataset.NumberOfOpticalPaths = dataset.TotalPixelMatrixFocalPlanes = 1
    dataset.OpticalPathSequence = Sequence([optical_path()])
    dataset.ContainerIdentifier = "SLIDE-1"
    dataset.VolumetricProperties, dataset.SpecimenLabelInImage = "VOLUME", "NO"
    dataset.BurnedInAnnotation, dataset.FocusMethod = "NO", "AUTO"
    dataset.ExtendedDepthOfField = "NO"
    dataset.LossyImageCompression, dataset.LossyImageCompressionMethod = "01", "ISO_10918_1"
    dataset.LossyImageCompressionRatio = "10"
    dataset.SharedFunctionalGroupsSequence = Sequence([shared_groups(BASE / size)])
    set_pixels(dataset, picture)
    return to_file(dataset, JPEGBaseline8Bit)


def origin() -> Dataset:
    item = Dataset()
    item.XOffsetInSlideCoordinateSystem = 20.0
    item.YOffsetInSlideCoordinateSystem = 40.0
    return item


def optical_path() -> Dataset:
    item = Dataset()
    item.OpticalPathIdentifier = "1"
    # A binary value in a sequence: viewers fetch it from where the metadata say.
    item.ICCProfile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    illumination = Dataset()
    illumination.CodeValue, illumination.CodingSchemeDesignator = "111744", "DCM"
    illumination.CodeMeaning = "Brightfield illumination"
    item.IlluminationTypeCodeSequence = Sequence([illumination])
    return item


def shared_groups(factor: float) -> Dataset:
    measures = Dataset()
    measures.PixelSpacing = [BASE_SPACING_MM * factor] * 2
    measures.SliceThickness = 0.001
    item = Dataset()
    item.PixelMeasuresSequence = Sequence([measures])
    return item


def set_pixels(dataset: Dataset, picture: Image.Image) -> None:
    tiles = [
        jpeg(picture.crop((left, top, left + TILE, top + TILE)))
        for top in range(0, picture.height, TILE)
        for left in range(0, picture.width, TILE)
    ]
    dataset.Rows = dataset.Columns = TILE
    dataset.NumberOfFrames = str(len(tiles))
    dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
    dataset.PhotometricInterpretation = "YBR_FULL_422"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = encapsulate(tiles)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True


def jpeg(tile: Image.Image) -> bytes:
    buffer = io.BytesIO()
    tile.save(buffer, "JPEG", quality=85, subsampling="4:2:2")
    return buffer.getvalue()


def must_show_tissue(visitor: Visit) -> None:
    """Tiles are decoded one after the other, so look until they are there."""
    for _ in range(30):
        visitor.page.wait_for_timeout(1000)
        seen = colours(visitor.screenshot("slide"))
        if seen > MOST_COLOURS_OF_NOTHING:
            return
    raise AssertionError(f"only {seen} colours")
