"""What a client accepts, and what of it we have (PS3.18 8.7)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.http import HttpRequest

from studies.dicom import pixels
from studies.dicom.parse import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from studies.errors import InvalidQueryError, NotAvailableError

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
OCTET_STREAM = "application/octet-stream"
JSON = "application/json"
ZIP = "application/zip"
JPEG = "image/jpeg"
_ANYTHING = "*/*"

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
# Which of them is meant where the media type is named alone (the same table).
DEFAULT_TRANSFER_SYNTAXES = {
    "image/dicom-rle": "1.2.840.10008.1.2.5",
    "image/jpeg": "1.2.840.10008.1.2.4.70",
    "image/jls": "1.2.840.10008.1.2.4.80",
    "image/jp2": "1.2.840.10008.1.2.4.90",
    "image/jpx": "1.2.840.10008.1.2.4.92",
    "image/jxl": "1.2.840.10008.1.2.4.110",
    "image/jphc": "1.2.840.10008.1.2.4.201",
}

# JPEG, JPEG-LS, JPEG 2000, JPEG XL and HTJ2K that may have lost something, and video.
LOSSY_TRANSFER_SYNTAXES = {
    f"1.2.840.10008.1.2.4.{number}"
    for number in (
        "50", "51", "81", "91", "93", "100", "100.1", "101", "101.1", "102", "102.1", "103",
        "103.1", "104", "104.1", "105", "105.1", "106", "106.1", "107", "108", "112", "203",
    )
}  # fmt: skip

# Not to be used on the web (PS3.18 8.7.3.5.2): had by `*` alone, which means whatever is stored.
_NEVER_NAMED = {IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN}

# Rendered media types (PS3.18 Table 8.7.4-1), the default first; one of them can move.
RENDERED_MEDIA_TYPES = (JPEG, "image/png", "image/gif")
MOVING_MEDIA_TYPE = "image/gif"

# No request may ask for something of both kinds (PS3.18 8.7.5); image/jpeg is of either.
_DICOM_ONLY = {DICOM, DICOM_JSON, "application/dicom+xml"}
_RENDERED_ONLY = {"image/png", "image/gif", "video/mp4", "video/mpeg", "video/h265"}


# --- Wishes ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One entry of Accept; `part` is the `type` parameter of multipart/related."""

    type: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def part(self) -> str:
        return self.parameters.get("type", _ANYTHING).lower()

    @property
    def content(self) -> str:
        """What the payload or each of its parts shall be."""
        return self.part if self.type.startswith("multipart/") else self.type

    @property
    def transfer_syntax(self) -> str:
        return self.parameters.get("transfer-syntax", "")

    @property
    def quality(self) -> float:
        try:
            return float(self.parameters.get("q", "1"))
        except ValueError:
            return 0.0

    def accepts(self, media_type: str, *, single_part: bool = True) -> bool:
        wanted = (_ANYTHING, media_type, f"{media_type.split('/', maxsplit=1)[0]}/*")
        if single_part:
            return self.type in wanted
        multipart = self.type in ("multipart/related", "multipart/*")
        return self.type == _ANYTHING or (multipart and self.part in wanted)


def accepted(request: HttpRequest) -> list[MediaRange]:
    """The client's wishes, best first; the `accept` parameter outranks the header (8.3.3.1).

    No wish at all is every wish, though the standard would allow 406: real clients send none.

    Raises:
        InvalidQueryError: If DICOM and rendered media types are mixed.
    """
    parameter = ",".join(request.GET.getlist("accept"))
    return parse_accept(parameter or request.headers.get("Accept") or _ANYTHING)


def parse_accept(text: str) -> list[MediaRange]:
    """The same of one text."""
    ranges = [_parse(entry) for entry in _split(text, ",") if entry.strip()]
    wishes = [r for r in ranges if r.quality > 0]
    contents = {wish.content for wish in wishes}
    if contents & _DICOM_ONLY and contents & _RENDERED_ONLY:
        raise InvalidQueryError("DICOM and rendered media types are not asked for in one request.")
    return sorted(wishes, key=lambda wish: (-wish.quality, wish.type == _ANYTHING))


def _parse(entry: str) -> MediaRange:
    media_type, *pairs = _split(entry, ";")
    parameters = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    # In the query of an address "+" means a space.
    return MediaRange(media_type.strip().lower().replace(" ", "+"), parameters)


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


# --- Offers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offer:
    """How a payload goes out: alone or in parts, of which type, in which transfer syntaxes.

    Attributes:
        transfer_syntaxes: In which each of the stored ones is sent; empty for rendered images.
    """

    media_type: str
    single_part: bool
    transfer_syntaxes: Mapping[str, str] = field(default_factory=dict)

    def content_type(self, transfer_syntax: str) -> str:
        return f"{self.media_type}; transfer-syntax={transfer_syntax}"


def prefers_xml(request: HttpRequest, *, in_parts: bool = True) -> bool:
    """Which of the two forms of metadata the client likes better (PS3.18 8.7.3.2).

    XML comes in parts, a document in each, or as the one document that there is.

    Raises:
        NotAvailableError: If it takes neither.
    """
    for wish in accepted(request):
        if wish.accepts(DICOM_JSON) or wish.type == "application/json":
            return False
        if wish.accepts(DICOM_XML, single_part=not in_parts):
            return True
    xml = f'multipart/related; type="{DICOM_XML}"' if in_parts else DICOM_XML
    raise NotAvailableError(f"This is available as {DICOM_JSON} and {xml}.")


def offer_instances(wishes: list[MediaRange], stored: Iterable[str], *, alone: bool) -> Offer:
    """How instances that are stored in these transfer syntaxes may be sent (Table 10.4.4-1).

    Raises:
        NotAvailableError: If the client takes none of it.
    """
    forms = [*_both(DICOM, alone=alone), (OCTET_STREAM, False)]
    return _first(wishes, forms, sorted(stored))


def offer_frames(wishes: list[MediaRange], stored: Iterable[str], *, alone: bool) -> Offer:
    """How pixels of these transfer syntaxes may be sent, as frames or as pixel data.

    Raises:
        NotAvailableError: As `offer_instances`.
    """
    syntaxes = sorted(stored)  # in one order in every process, so that ETags agree
    types = [OCTET_STREAM, *DEFAULT_TRANSFER_SYNTAXES]
    own = FRAME_MEDIA_TYPES.get(syntaxes[0]) if len(syntaxes) == 1 else None
    if own and _default(syntaxes[0]) in (syntaxes[0], None):
        types.insert(0, own)  # octets are what is not compressed, where there is a choice
    forms = [form for media_type in types for form in _both(media_type, alone=alone)]
    return _first(wishes, forms, syntaxes)


def offer_bulk_value(wishes: list[MediaRange]) -> Offer:
    """How a value that is not pixels may be sent: octets, however the pixels are compressed."""
    return _first(wishes, _both(OCTET_STREAM, alone=True), [EXPLICIT_VR_LITTLE_ENDIAN])


def offer_images(
    wishes: Iterable[MediaRange], media_types: Iterable[str], *, alone: bool, in_parts: bool = True
) -> Offer:
    """As which of these rendered media types an image may be sent, the first being the default.

    Raises:
        NotAvailableError: If the client takes none of them.
    """
    types = list(media_types)
    for wish in wishes:
        for media_type in types:
            if alone and wish.accepts(media_type):
                return Offer(media_type, single_part=True)
            if in_parts and wish.accepts(media_type, single_part=False):
                return Offer(media_type, single_part=False)
    form = "" if alone else "as multipart/related "
    raise NotAvailableError(f"This resource is available {form}of {', '.join(types)}.")


Form = tuple[str, bool]
"""Media type, and whether it comes alone."""


def _both(media_type: str, *, alone: bool) -> list[Form]:
    return [(media_type, False), (media_type, True)] if alone else [(media_type, False)]


def _first(wishes: list[MediaRange], forms: list[Form], stored: list[str]) -> Offer:
    """The best wish of the client in the first form in which all of it can be had."""
    for wish in wishes:
        for media_type, single_part in forms:
            if not wish.accepts(media_type, single_part=single_part):
                continue
            targets = {syntax: _target(wish, media_type, syntax) for syntax in stored}
            sent = {syntax: target for syntax, target in targets.items() if target}
            if len(sent) == len(targets):
                return Offer(media_type, single_part, sent)
    raise NotAvailableError(_what_there_is(forms, stored))


def _what_there_is(forms: list[Form], stored: list[str]) -> str:
    types = ", ".join(dict.fromkeys(media_type for media_type, _ in forms[:4]))
    return (
        f"Stored in {', '.join(sorted(stored))} and not available as asked for; "
        f"ask for {types} with transfer-syntax=* to get it as it is."
    )


def _target(wish: MediaRange, media_type: str, stored: str) -> str | None:
    """The transfer syntax that this wish means for what is stored so; None if it cannot be had."""
    named = wish.transfer_syntax
    if media_type in DEFAULT_TRANSFER_SYNTAXES:
        return _image_target(named, media_type, stored)
    if named == "*":
        return stored
    if not named:
        default = _default(stored)
        # Who takes anything takes it as it is, rather than nothing.
        return default or (stored if wish.content == _ANYTHING else None)
    return None if named in _NEVER_NAMED else _if_available(stored, named)


def _image_target(named: str, media_type: str, stored: str) -> str | None:
    """What is stored in such a type already need not become another one of it."""
    if named in ("", "*"):
        own = FRAME_MEDIA_TYPES.get(stored) == media_type
        return stored if own else _if_available(stored, DEFAULT_TRANSFER_SYNTAXES[media_type])
    return _if_available(stored, named) if FRAME_MEDIA_TYPES.get(named) == media_type else None


def _default(stored: str) -> str | None:
    """Explicit VR little endian, but for what has lost something already (8.7.3.5.2)."""
    if stored in LOSSY_TRANSFER_SYNTAXES:
        return stored
    return _if_available(stored, EXPLICIT_VR_LITTLE_ENDIAN)


def _if_available(stored: str, target: str) -> str | None:
    return target if stored == target or pixels.can_transcode(stored, target) else None
