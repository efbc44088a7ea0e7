"""From one transfer syntax to another without loss: heads here, frames in a child process."""

from collections.abc import Callable

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

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
from studies.dicom.json_model import UNREADABLE
from studies.dicom.overlay import keep_numbers, write_head
from studies.dicom.parse import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    NATIVE_TRANSFER_SYNTAXES,
    encoding_of,
    read_elements,
    read_meta,
)
from studies.errors import NotAvailableError

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

    Raises:
        NotAvailableError: If a value cannot be written in another encoding.
    """
    try:
        meta, _ = read_meta(head)
        dataset = read_head(head, source)
        if source == EXPLICIT_VR_BIG_ENDIAN:
            _swap_words(dataset)
        if not is_as_stored(source, target):
            _describe_frames(dataset, source, target)
        keep_numbers(dataset, encoding_of(target))
        if source == IMPLICIT_VR_LITTLE_ENDIAN:
            _settle_vrs(dataset)
        meta.TransferSyntaxUID = target
        return write_head(head[:132], meta, dataset, encoding_of(target))
    except UNREADABLE as error:
        # The library's own complaint may quote values; the class alone says enough.
        reason = f"The stored header cannot be rewritten ({type(error).__name__})."
        raise NotAvailableError(reason) from None


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


def _settle_vrs(dataset: Dataset) -> None:
    """One VR for each element to which the dictionary gives several (PS3.6)."""
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except AttributeError:  # what decides is missing, such as the descriptor of a table
            element = _decided(dataset[tag])
        if element.VR == "SQ":
            for item in element.value:
                _settle_vrs(item)


def _decided(element: DataElement) -> DataElement:
    """Words, where they may be that; else numbers, which are unsigned where nothing says more."""
    if "OW" in element.VR:
        element.VR = "OW"
        return element
    octets = bytes(element.value or b"")
    numbers = [int.from_bytes(octets[n : n + 2], "little") for n in range(0, len(octets), 2)]
    element.VR, element.value = "US", numbers
    return element


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
