"""What a client accepts, and what of it we have (PS3.18 8.7)."""

from dataclasses import dataclass, field

from django.http import HttpRequest

from studies.dicom.parse import EXPLICIT_VR_LITTLE_ENDIAN
from studies.errors import NotAvailableError

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
OCTET_STREAM = "application/octet-stream"
JSON = "application/json"
ZIP = "application/zip"

# Media type of a compressed frame by its transfer syntax (PS3.18 Table 8.7.3-5).
FRAME_MEDIA_TYPES = {
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.92": "image/jpx",
    "1.2.840.10008.1.2.4.93": "image/jpx",
    "1.2.840.10008.1.2.4.110": "image/jxl",
    "1.2.840.10008.1.2.4.111": "image/jxl",
    "1.2.840.10008.1.2.4.112": "image/jxl",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
}

# JPEG, JPEG-LS, JPEG 2000, JPEG XL and HTJ2K that may have lost something, and video.
LOSSY_TRANSFER_SYNTAXES = {
    f"1.2.840.10008.1.2.4.{number}"
    for number in (
        "50", "51", "81", "91", "93", "100", "100.1", "101", "101.1", "102", "102.1", "103",
        "103.1", "104", "104.1", "105", "105.1", "106", "106.1", "107", "108", "112", "203",
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One entry of Accept; `part` is the `type` parameter of multipart/related."""

    type: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def part(self) -> str:
        return self.parameters.get("type", "*/*").lower()

    @property
    def transfer_syntax(self) -> str:
        return self.parameters.get("transfer-syntax", "")

    @property
    def quality(self) -> float:
        try:
            return float(self.parameters.get("q", "1"))
        except ValueError:
            return 0.0

    def accepts(self, media_type: str) -> bool:
        return self.type in ("*/*", media_type, f"{media_type.split('/', maxsplit=1)[0]}/*")


def accepted(request: HttpRequest) -> list[MediaRange]:
    """The client's wishes, best first; the `accept` parameter outranks the header (8.3.3.1).

    No wish at all is every wish, though the standard would allow 406: real clients send none.
    """
    text = request.GET.get("accept") or request.headers.get("Accept") or "*/*"
    ranges = [_parse(entry) for entry in _split(text, ",") if entry.strip()]
    return sorted((r for r in ranges if r.quality > 0), key=lambda r: -r.quality)


def _parse(entry: str) -> MediaRange:
    media_type, *pairs = _split(entry, ";")
    parameters = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    return MediaRange(media_type.strip().lower(), parameters)


def _split(text: str, separator: str) -> list[str]:
    """Split outside of quotes."""
    parts, quoted = [""], False
    for character in text:
        quoted ^= character == '"'
        if character == separator and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def require_json(request: HttpRequest) -> None:
    """Raises NotAvailableError unless the client takes the DICOM JSON model."""
    if not any(r.accepts(DICOM_JSON) or r.type == "application/json" for r in accepted(request)):
        raise NotAvailableError(f"This resource is available as {DICOM_JSON} only.")


@dataclass(frozen=True, slots=True)
class Offer:
    """How a payload goes out: alone or in parts, and its Content-Type."""

    single_part: bool
    content_type: str


def offer_instances(request: HttpRequest, syntaxes: set[str], *, alone: bool) -> Offer:
    """How instances stored in these transfer syntaxes may be sent, as they are stored.

    Raises:
        NotAvailableError: If the client takes none of it; transcoding is not offered.
    """
    for wish in accepted(request):
        if alone and wish.type == DICOM and _syntax_fits(wish, syntaxes):
            return Offer(single_part=True, content_type=DICOM)
        multipart = wish.type == "multipart/related" and wish.part in ("*/*", DICOM)
        if (multipart and _syntax_fits(wish, syntaxes)) or wish.type in ("*/*", "multipart/*"):
            return Offer(single_part=False, content_type=DICOM)
    raise NotAvailableError(
        f"Stored in {', '.join(sorted(syntaxes))}; ask with transfer-syntax=* to get it so."
    )


def offer_frames(request: HttpRequest, syntax: str, *, alone: bool) -> Offer:
    """How frames of this transfer syntax may be sent.

    Raises:
        NotAvailableError: If the client takes none of it; transcoding is not offered.
    """
    own_type = FRAME_MEDIA_TYPES.get(syntax, OCTET_STREAM)
    for wish in accepted(request):
        single = alone and wish.type in (OCTET_STREAM, own_type)
        media_type = wish.type if single else wish.part
        if not single and wish.type not in ("multipart/related", "multipart/*", "*/*"):
            continue
        if wish.type == "*/*" or media_type == "*/*":
            return Offer(single, f"{own_type}; transfer-syntax={syntax}")
        # An image type names its syntaxes itself; octets without a name are uncompressed ones.
        named = media_type == own_type != OCTET_STREAM and not wish.transfer_syntax
        if named or (media_type in (own_type, OCTET_STREAM) and _syntax_fits(wish, {syntax})):
            return Offer(single, f"{media_type}; transfer-syntax={syntax}")
    raise NotAvailableError(f"The frames are stored in {syntax}; ask with transfer-syntax=*.")


def _syntax_fits(wish: MediaRange, syntaxes: set[str]) -> bool:
    """No parameter: explicit VR little endian, or lossy where nothing else is (8.7.3.5.2)."""
    if not wish.transfer_syntax:
        return syntaxes <= {EXPLICIT_VR_LITTLE_ENDIAN, *LOSSY_TRANSFER_SYNTAXES}
    return wish.transfer_syntax == "*" or syntaxes == {wish.transfer_syntax}
