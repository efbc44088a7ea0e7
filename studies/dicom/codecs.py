"""One frame at a time between a codestream and an array; to be run in a child process (`sandbox`).

pydicom decodes, with our plug-in first where imagecodecs is installed, since it knows the odd files
of the field: signs that codestreams and headers disagree on, packed bits, subsampled colour.
"""

import struct
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import UID

from studies.dicom.parse import EXPLICIT_VR_LITTLE_ENDIAN, NATIVE_TRANSFER_SYNTAXES
from studies.errors import NotAvailableError

Array = npt.NDArray[Any]

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR_LOSSLESS = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
HTJ2K_LOSSLESS_RPCL = "1.2.840.10008.1.2.4.202"
HTJ2K = "1.2.840.10008.1.2.4.203"
RLE_LOSSLESS = "1.2.840.10008.1.2.5"

LOSSY_JPEG = {JPEG_BASELINE, JPEG_EXTENDED}
# Those whose colours are transformed inside the codestream, to RGB and back (PS3.5 8.2.4).
JPEG_2000_FAMILY = {JPEG_2000_LOSSLESS, JPEG_2000, HTJ2K_LOSSLESS, HTJ2K_LOSSLESS_RPCL, HTJ2K}

_PLUGIN = "imagecodecs"
_HAS_IMAGECODECS = find_spec(_PLUGIN) is not None  # asked, not imported: only children need it
# APP14 of full length; libjpeg passes over a shorter one.
_ADOBE_MARKER = b"\xff\xee\x00\x0eAdobe"
_CANNOT_ENCODE = "The pixels do not fit into the transfer syntax that was asked for."


# --- What pydicom asks of a plug-in --------------------------------------------------------------


def is_available(uid: str) -> bool:
    return _HAS_IMAGECODECS and uid in DECODER_DEPENDENCIES


def decode_frame(codestream: bytes, runner: Any) -> bytes:
    """Decode one codestream and say to pydicom in which form."""
    array = _DECODERS[str(runner.transfer_syntax)](codestream, runner)
    runner.set_option("bits_allocated", 8 * array.dtype.itemsize)
    if runner.samples_per_pixel > 1:
        runner.set_option("planar_configuration", 0)
    return array.tobytes()


def _decode_rle(codestream: bytes, runner: Any) -> Array:
    import imagecodecs  # noqa: PLC0415 - in children only

    # The library's own decoder is written in Python, and takes a hundred times as long.
    octets = imagecodecs.dicomrle_decode(codestream, f"<u{runner.bits_allocated // 8}")
    planes = np.frombuffer(octets, f"<u{runner.bits_allocated // 8}")
    planes = planes.reshape(runner.samples_per_pixel, runner.rows, runner.columns)
    return np.moveaxis(planes, 0, -1)


def _decode_lossy_jpeg(codestream: bytes, runner: Any) -> Array:
    """Colour always as RGB: by Adobe's marker, else by what pydicom found that the header means."""
    import imagecodecs  # noqa: PLC0415

    is_marked = _ADOBE_MARKER in codestream[:1024]
    is_rgb = runner.photometric_interpretation == "RGB" and not is_marked
    decoded: Array = imagecodecs.jpeg8_decode(codestream, colorspace="RGB" if is_rgb else None)
    if decoded.ndim == 3:
        runner.set_option("photometric_interpretation", "RGB")
    return decoded


def _decode_lossless_jpeg(codestream: bytes, runner: Any) -> Array:
    import imagecodecs  # noqa: PLC0415

    # Neither Adobe's nor any other marker may make it convert what has to come back as it was.
    space = "RGB" if runner.samples_per_pixel == 3 else "GRAYSCALE"
    decoded: Array = imagecodecs.jpeg8_decode(codestream, colorspace=space, outcolorspace=space)
    return decoded


def _decode_jpeg_ls(codestream: bytes, _: Any) -> Array:
    import imagecodecs  # noqa: PLC0415

    decoded: Array = imagecodecs.jpegls_decode(codestream)
    return decoded


def _decode_jpeg_2000(codestream: bytes, runner: Any) -> Array:
    import imagecodecs  # noqa: PLC0415

    decoded: Array = imagecodecs.jpeg2k_decode(codestream, planar=False)
    _say_rgb(runner)
    return decoded


def _decode_htj2k(codestream: bytes, runner: Any) -> Array:
    import imagecodecs  # noqa: PLC0415

    decoded: Array = imagecodecs.htj2k_decode(codestream, planar=False)
    _say_rgb(runner)
    return decoded


def _say_rgb(runner: Any) -> None:
    if runner.photometric_interpretation in ("YBR_RCT", "YBR_ICT"):
        runner.set_option("photometric_interpretation", "RGB")


_DECODERS: dict[str, Callable[[bytes, Any], Array]] = {
    RLE_LOSSLESS: _decode_rle,
    JPEG_BASELINE: _decode_lossy_jpeg,
    JPEG_EXTENDED: _decode_lossy_jpeg,
    JPEG_LOSSLESS: _decode_lossless_jpeg,
    JPEG_LOSSLESS_SV1: _decode_lossless_jpeg,
    JPEG_LS_LOSSLESS: _decode_jpeg_ls,
    JPEG_LS_NEAR_LOSSLESS: _decode_jpeg_ls,
    JPEG_2000_LOSSLESS: _decode_jpeg_2000,
    JPEG_2000: _decode_jpeg_2000,
    HTJ2K_LOSSLESS: _decode_htj2k,
    HTJ2K_LOSSLESS_RPCL: _decode_htj2k,
    HTJ2K: _decode_htj2k,
}
DECODER_DEPENDENCIES = dict.fromkeys(_DECODERS, (_PLUGIN,))

for _uid in _DECODERS:
    get_decoder(UID(_uid)).add_plugin(_PLUGIN, (__name__, decode_frame.__name__))


# --- Decoding ------------------------------------------------------------------------------------


def can_decode(transfer_syntax_uid: str) -> bool:
    """Whether there is a decoder for it on this machine; a frame may still be broken."""
    if transfer_syntax_uid in NATIVE_TRANSFER_SYNTAXES:
        return True
    try:
        return bool(get_decoder(UID(transfer_syntax_uid)).is_available)
    except NotImplementedError:
        return False


def decode(frame: bytes, dataset: Dataset, transfer_syntax_uid: str) -> Array:
    """The values of one frame, in the colours that `decoded_interpretation` says.

    Args:
        frame: Little endian where native, one codestream where compressed.
        dataset: With the Image Pixel Module (PS3.3 C.7.6.3).
        transfer_syntax_uid: Of the frame.

    Returns:
        `(rows, columns)` or `(rows, columns, samples)`, integers as wide as Bits Allocated says.
    """
    native = transfer_syntax_uid in NATIVE_TRANSFER_SYNTAXES
    decoder = get_decoder(UID(EXPLICIT_VR_LITTLE_ENDIAN if native else transfer_syntax_uid))
    array, _ = decoder.as_array(
        frame if native else encapsulate([frame]),
        raw=transfer_syntax_uid not in LOSSY_JPEG,
        index=0,
        decoding_plugin=_PLUGIN if _PLUGIN in decoder.available_plugins else "",
        **_pixel_options(dataset),
    )
    return np.ascontiguousarray(array)


def decoded_interpretation(dataset: Dataset, transfer_syntax_uid: str) -> str:
    """Photometric Interpretation of what `decode` gives.

    What the codestream itself transforms arrives as RGB, what is subsampled in full; other YBR_FULL
    stays what it is, since turning it into RGB and back would lose something.
    """
    interpretation = str(dataset.get("PhotometricInterpretation", ""))
    if dataset.get("SamplesPerPixel") != 3:
        return interpretation
    if transfer_syntax_uid in LOSSY_JPEG or interpretation in ("YBR_RCT", "YBR_ICT"):
        return "RGB"
    return "YBR_FULL" if interpretation == "YBR_FULL_422" else interpretation


def _pixel_options(dataset: Dataset) -> dict[str, Any]:
    samples = int(dataset.get("SamplesPerPixel") or 1)
    options: dict[str, Any] = {
        "rows": int(dataset.Rows),
        "columns": int(dataset.Columns),
        "number_of_frames": 1,
        "samples_per_pixel": samples,
        "bits_allocated": int(dataset.BitsAllocated),
        "bits_stored": int(dataset.get("BitsStored") or dataset.BitsAllocated),
        "photometric_interpretation": str(dataset.PhotometricInterpretation),
        "pixel_representation": int(dataset.get("PixelRepresentation") or 0),
        "pixel_keyword": "PixelData",
    }
    if samples > 1:
        options["planar_configuration"] = int(dataset.get("PlanarConfiguration") or 0)
    return options


# --- Encoding ------------------------------------------------------------------------------------


def can_encode(transfer_syntax_uid: str) -> bool:
    """Whether frames can be written in it here; lossy ones are nobody's wish."""
    if transfer_syntax_uid == EXPLICIT_VR_LITTLE_ENDIAN:
        return True
    return _HAS_IMAGECODECS and transfer_syntax_uid in _ENCODERS


def encode(array: Array, dataset: Dataset, interpretation: str, transfer_syntax_uid: str) -> bytes:
    """One frame, as `decode` gives it, without any loss.

    Args:
        array: Of the frame.
        dataset: Says how many bits are stored.
        interpretation: Photometric Interpretation of the array, `decoded_interpretation`.
        transfer_syntax_uid: To write it in.

    Raises:
        NotAvailableError: If that syntax cannot hold such pixels.
    """
    if int(dataset.BitsAllocated) == 1:
        raise NotAvailableError(_CANNOT_ENCODE)
    bits_stored = int(dataset.get("BitsStored") or dataset.BitsAllocated)
    encoder, max_bits = _ENCODERS[transfer_syntax_uid]
    if bits_stored > max_bits:
        raise NotAvailableError(_CANNOT_ENCODE)
    return encoder(array, bits_stored, interpretation)


def _encode_native(array: Array, _bits_stored: int, _: str) -> bytes:
    return array.tobytes()


def _encode_rle(array: Array, _bits_stored: int, _: str) -> bytes:
    """A segment for each byte of a pixel, the most significant first (PS3.5 G.2)."""
    import imagecodecs  # noqa: PLC0415

    planes = array[..., np.newaxis] if array.ndim == 2 else array
    octets = planes.astype(planes.dtype.newbyteorder(">")).view(np.uint8)
    segments = []
    for n in range(octets.shape[-1]):
        plane = np.ascontiguousarray(octets[..., n])
        segment = bytes(imagecodecs.packbits_encode(plane, axis=-1))  # row by row (G.3.1)
        segments.append(segment + bytes(len(segment) % 2))
    if len(segments) > 15:
        raise NotAvailableError(_CANNOT_ENCODE)
    offsets = np.cumsum([64, *map(len, segments[:-1])])
    header = struct.pack(f"<{1 + len(segments)}L", len(segments), *offsets)
    return header.ljust(64, b"\0") + b"".join(segments)


def _encode_lossless_jpeg(array: Array, bits_stored: int, interpretation: str) -> bytes:
    """Process 14, Selection Value 1; signed values as their two's complement (PS3.5 8.2.1)."""
    import imagecodecs  # noqa: PLC0415

    # Converts nothing: what it called YCbCr would be taken apart on the way.
    space = {"RGB": "RGB", "YBR_FULL": "UNKNOWN"}.get(interpretation, "GRAYSCALE")
    return bytes(
        imagecodecs.jpeg8_encode(
            _unsigned(array, bits_stored),
            lossless=True,
            predictor=1,
            bitspersample=max(2, bits_stored),
            colorspace=space,
            outcolorspace=space,
        )
    )


def _encode_jpeg_ls(array: Array, _bits_stored: int, _: str) -> bytes:
    import imagecodecs  # noqa: PLC0415

    # The codestream has the precision of the array, so a sign keeps its place. Noise grows in it,
    # for which the library alone would leave too little room.
    pixels = _unsigned(array, 8 * array.dtype.itemsize)
    return bytes(imagecodecs.jpegls_encode(pixels, out=2 * pixels.nbytes + 1024))


def _encode_jpeg_2000(array: Array, bits_stored: int, interpretation: str) -> bytes:
    import imagecodecs  # noqa: PLC0415

    return bytes(
        imagecodecs.jpeg2k_encode(
            array,
            level=0,
            codecformat="j2k",
            reversible=True,
            bitspersample=bits_stored,
            mct=interpretation == "RGB",
        )
    )


def _encode_htj2k(array: Array, _bits_stored: int, interpretation: str) -> bytes:
    import imagecodecs  # noqa: PLC0415

    return bytes(
        imagecodecs.htj2k_encode(array, reversible=True, rgb=interpretation == "RGB", planar=False)
    )


def _unsigned(array: Array, bits: int) -> Array:
    unsigned: Array = array.view(f"u{array.dtype.itemsize}") & ((1 << bits) - 1)
    return unsigned


# Transfer syntax → its encoder, and how many stored bits it can take.
_ENCODERS: dict[str, tuple[Callable[[Array, int, str], bytes], int]] = {
    EXPLICIT_VR_LITTLE_ENDIAN: (_encode_native, 64),
    RLE_LOSSLESS: (_encode_rle, 64),
    JPEG_LOSSLESS_SV1: (_encode_lossless_jpeg, 16),
    JPEG_LS_LOSSLESS: (_encode_jpeg_ls, 16),
    JPEG_2000_LOSSLESS: (_encode_jpeg_2000, 24),
    HTJ2K_LOSSLESS: (_encode_htj2k, 24),
}
