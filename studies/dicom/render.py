"""The child process that decodes: a program of its own, see `pixels`.

It reads the head of a Part 10 file and one frame from its standard input and writes a JPEG.
"""

import resource
import sys

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.uid import UID

from studies.dicom.parse import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    NATIVE_TRANSFER_SYNTAXES,
    encoding_of,
    read_elements,
    read_meta,
)

FloatArray = npt.NDArray[np.float64]

THUMBNAIL_SIZE = (256, 256)
_MEMORY_BYTES = 2 * 1024**3
_CPU_SECONDS = 20


def to_display(dataset: Dataset) -> Image.Image:
    """The image as its header asks it to be shown: modality LUT, VOI LUT, polarity, colour."""
    array = dataset.pixel_array  # YBR arrives as RGB
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        array = apply_color_lut(array, dataset)
        return Image.fromarray((array >> (8 if array.dtype == np.uint16 else 0)).astype(np.uint8))
    if array.ndim == 3:
        shift = max(0, dataset.BitsStored - 8)
        return Image.fromarray((array >> shift).astype(np.uint8))
    _drop_impossible_window(dataset)
    values = apply_voi_lut(apply_modality_lut(array, dataset), dataset, index=0).astype(np.float64)
    low, high = _shown_range(values, dataset)
    grey = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * 255
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        grey = 255 - grey
    return Image.fromarray(grey.astype(np.uint8))


def _drop_impossible_window(dataset: Dataset) -> None:
    """A linear window is at least 1 wide (PS3.3 C.11.2.1.2); devices write 0 for "none"."""
    width = dataset.get("WindowWidth")
    first = width[0] if isinstance(width, list) else width
    if first is None or first < 1:
        dataset.pop("WindowCenter", None)
        dataset.pop("WindowWidth", None)


def _shown_range(values: FloatArray, dataset: Dataset) -> tuple[float, float]:
    """What the VOI LUT spread the values over; without one, all but the outliers."""
    if "WindowCenter" in dataset or "VOILUTSequence" in dataset:
        return float(values.min()), float(values.max())
    low, high = np.percentile(values, [0.5, 99.5])
    return float(low), float(high)


def main(transfer_syntax_uid: str, head_length: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    content = sys.stdin.buffer.read()
    head, frame = content[:head_length], content[head_length:]
    _, start = read_meta(head)
    encoding = encoding_of(transfer_syntax_uid)
    dataset = read_elements(head[start:], encoding)
    native = transfer_syntax_uid in NATIVE_TRANSFER_SYNTAXES
    if transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN:
        dataset = Dataset({e.tag: e for e in dataset})  # decode what is in the other byte order
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(
        EXPLICIT_VR_LITTLE_ENDIAN if native else transfer_syntax_uid
    )
    dataset.NumberOfFrames = 1
    dataset.PixelData = frame if native else encapsulate([frame])
    dataset["PixelData"].VR = "OW" if native and dataset.BitsAllocated > 8 else "OB"
    image = to_display(dataset)
    image.thumbnail(THUMBNAIL_SIZE)
    image.convert("RGB" if image.mode != "L" else "L").save(sys.stdout.buffer, "JPEG", quality=82)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
