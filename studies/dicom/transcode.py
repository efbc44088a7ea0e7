"""From one transfer syntax to another without loss: heads here, frames in a child process."""

from collections.abc import Callable

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info

from studies.dicom import vr_of
from studies.dicom.byte_order import WORD_BYTES, swap_words
from studies.dicom.codecs import (
    JPEG_2000_FAMILY,
    LOSSY_JPEG,
    RLE_LOSSLESS,
    decode,
    decoded_interpretation,
    encode,
)
from studies.dicom.overlay import keep_numbers
from studies.dicom.parse import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    NATIVE_TRANSFER_SYNTAXES,
    encoding_of,
    read_elements,
    read_meta,
)

# Where the frames of the stored codestreams lay (PS3.3 C.7.6.3): untrue of other codestreams.
_OFFSET_TABLES = (
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "EncapsulatedPixelDataValueTotalLength",
)  # fmt: skip


def is_as_stored(source: str, target: str) -> bool:
    """Whether the frames need no child: of native ones only the header is encoded otherwise."""
    native = source in NATIVE_TRANSFER_SYNTAXES and target == EXPLICIT_VR_LITTLE_ENDIAN
    return native or source == target


def transcoder(head: bytes, source: str, target: str) -> Callable[[bytes], bytes]:
    """What turns one frame after the other (PS3.5 8.2), in a child process."""
    dataset = read_head(head, source)
    interpretation = decoded_interpretation(dataset, source)

    def transcode(frame: bytes) -> bytes:
        return encode(decode(frame, dataset, source), dataset, interpretation, target)

    return transcode


def read_head(head: bytes, transfer_syntax_uid: str) -> Dataset:
    """The data set before the pixel data."""
    _, start = read_meta(head)
    return read_elements(head[start:], encoding_of(transfer_syntax_uid))


def transcoded_head(head: bytes, *, source: str, target: str) -> bytes:
    """Rewrite the beginning of a Part 10 file, up to its pixel data, for other frames.

    Args:
        head: From the preamble to before the pixel data element, inflated where it was deflated.
        source: Transfer syntax that the head is written in.
        target: Of the result; explicit VR little endian or one that encapsulates.
    """
    meta, _ = read_meta(head)
    dataset = read_head(head, source)
    encoding = encoding_of(target)
    if source == EXPLICIT_VR_BIG_ENDIAN:
        _swap_words(dataset)
    if not is_as_stored(source, target):
        _describe_frames(dataset, source, target)
    keep_numbers(dataset, encoding)
    meta.TransferSyntaxUID = target
    output = DicomBytesIO()
    output.write(head[:132])
    write_file_meta_info(output, meta)
    output.is_implicit_VR = encoding.implicit_vr
    output.is_little_endian = encoding.little_endian
    write_dataset(output, dataset)
    return bytes(output.getvalue())


def _describe_frames(dataset: Dataset, source: str, target: str) -> None:
    """Say of the pixels what is true of the new ones (PS3.5 8.2)."""
    interpretation = decoded_interpretation(dataset, source)
    if interpretation == "RGB" and target in JPEG_2000_FAMILY:
        interpretation = "YBR_RCT"  # reversible, and smaller by a third
    dataset.PhotometricInterpretation = interpretation
    if (dataset.get("SamplesPerPixel") or 1) > 1:
        dataset.PlanarConfiguration = 1 if target == RLE_LOSSLESS else 0
    if source in LOSSY_JPEG:
        dataset.LossyImageCompression = "01"  # once lost, for ever (PS3.3 C.7.6.1.1.5)
    for keyword in _OFFSET_TABLES:
        dataset.pop(keyword, None)


def _swap_words(dataset: Dataset) -> None:
    """Long binary values in little endian: the library leaves their bytes as they are."""
    for tag in list(dataset.keys()):
        vr = vr_of(dataset.get_item(tag), dataset)
        if vr == "SQ":
            for item in dataset[tag].value:
                _swap_words(item)
        elif vr in WORD_BYTES:
            element = dataset[tag]
            element.value = swap_words(element.value or b"", WORD_BYTES[vr])
