"""The Native DICOM Model (PS3.19 A.1), between XML and the DICOM JSON model (PS3.18 F.3).

In XML a private element does not tell its block: its tag is `gggg00ee` beside the name of its
creator, and the elements that reserve blocks are not written. Reading gives blocks out anew, in the
order in which creators come.
"""

import base64
import binascii
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from pydicom.datadict import dictionary_keyword

from studies.dicom import public_vr
from studies.dicom.json_model import BINARY, INTEGER, REAL, JsonObject
from studies.errors import InvalidInstanceError

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"

_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
# What XML 1.0 has no character for; a carriage return has to be written as a reference.
_NO_CHARACTERS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCES = {"\r": "&#13;"}
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
# A sequence takes two levels of elements; `elements.py` allows data sets less.
_MAX_DEPTH = 200
_MAX_ELEMENTS = 1_000_000
_MAX_BYTES = 64 * 1024 * 1024

# --- Writing -------------------------------------------------------------------------------------


def dataset_to_xml(model: JsonObject) -> bytes:
    """One document, in UTF-8; characters that XML does not have are left out."""
    body = "".join(_attributes(model))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">{body}</NativeDicomModel>'
    ).encode()


def _attributes(model: JsonObject) -> Iterator[str]:
    creators = _creators(model)
    for tag, element in sorted(model.items()):
        if tag in creators:
            continue
        creator = creators.get(f"{tag[:4]}00{tag[4:6]}") if _is_private(tag) else None
        names = {
            "tag": f"{tag[:4]}00{tag[6:]}" if creator else tag,
            "vr": element["vr"],
            "keyword": dictionary_keyword(tag) if _is_known(tag) else None,
            "privateCreator": creator,
        }
        start = "".join(f" {n}={quoteattr(_text(v))}" for n, v in names.items() if v)
        yield f"<DicomAttribute{start}>{_content(element)}</DicomAttribute>"


def _creators(model: JsonObject) -> dict[str, str]:
    """Tag of the element that reserves a block → who does (PS3.5 7.8.1)."""
    found = {}
    for tag, element in model.items():
        name = next(iter(element.get("Value", [])), None)
        if _is_private(tag) and tag[4:6] == "00" and tag[6:] >= "10" and isinstance(name, str):
            found[tag] = name
    return found


def _is_private(tag: str) -> bool:
    return int(tag[3], 16) % 2 == 1


def _is_known(tag: str) -> bool:
    return public_vr(int(tag, 16)) != "UN" and not _is_private(tag)


def _content(element: dict[str, Any]) -> str:
    if "BulkDataURI" in element:
        return f"<BulkData uri={quoteattr(_text(element['BulkDataURI']))}/>"
    if "InlineBinary" in element:
        return f"<InlineBinary>{_escaped(element['InlineBinary'])}</InlineBinary>"
    write = {"SQ": _item, "PN": _person_name}.get(element["vr"], _value)
    return "".join(write(number, value) for number, value in enumerate(element.get("Value", []), 1))


def _item(number: int, item: Any) -> str:
    return f'<Item number="{number}">{"".join(_attributes(item or {}))}</Item>'


def _value(number: int, value: Any) -> str:
    text = "" if value is None else _escaped(str(value))
    return f'<Value number="{number}">{text}</Value>'


def _person_name(number: int, name: Any) -> str:
    present = [group for group in _GROUPS if group in (name or {})]
    groups = "".join(f"<{group}>{_components(name[group])}</{group}>" for group in present)
    return f'<PersonName number="{number}">{groups}</PersonName>'


def _components(group: str) -> str:
    parts = group.split("^", len(_COMPONENTS) - 1)
    return "".join(
        f"<{name}>{_escaped(part)}</{name}>" for name, part in zip(_COMPONENTS, parts, strict=False)
    )


def _text(text: str) -> str:
    return _NO_CHARACTERS.sub("", text)


def _escaped(text: str) -> str:
    return escape(_text(text), _REFERENCES)


# --- Reading -------------------------------------------------------------------------------------


class _Node:
    """One element of XML."""

    __slots__ = ("attributes", "children", "name", "pieces")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[_Node] = []
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def dataset_from_xml(document: bytes) -> JsonObject:
    """The data set of one document, in ascending order of tags.

    Raises:
        InvalidInstanceError: If it is no XML, too large or too deep, declares a document type (by
            which entities come), or is not of the Native DICOM Model.
    """
    if len(document) > _MAX_BYTES:
        raise InvalidInstanceError("The XML document is larger than any header")
    root = _parse(document)
    if _local(root) != "NativeDicomModel":
        raise InvalidInstanceError("The XML document is not a NativeDicomModel")
    return _dataset(root)


def _parse(document: bytes) -> _Node:
    top = _Node("", {})
    open_nodes, count = [top], 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > _MAX_ELEMENTS or len(open_nodes) > _MAX_DEPTH:
            raise InvalidInstanceError("The XML document has too many elements, or too deep ones")
        node = _Node(name, attributes)
        open_nodes[-1].children.append(node)
        open_nodes.append(node)

    def end(_: str) -> None:
        open_nodes.pop()

    def characters(text: str) -> None:
        open_nodes[-1].pieces.append(text)

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = _refuse_document_type
    try:
        parser.Parse(document, True)  # noqa: FBT003 - expat's signature
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise InvalidInstanceError("The XML document is malformed") from error
    return top.children[0]


def _refuse_document_type(*_: object) -> None:
    raise InvalidInstanceError("The XML document declares a document type")


def _local(node: _Node) -> str:
    """Its name, with or without our namespace."""
    namespace, _, name = node.name.rpartition(" ")
    return name if namespace in ("", NAMESPACE) else ""


def _dataset(node: _Node) -> JsonObject:
    model: JsonObject = {}
    blocks: dict[tuple[str, str], str] = {}
    for child in _numbered(node, "DicomAttribute"):
        tag = child.attributes.get("tag", "").upper()
        if not _TAG.fullmatch(tag):
            raise InvalidInstanceError("A DicomAttribute has no tag of eight digits")
        vr = child.attributes.get("vr") or public_vr(int(tag, 16))[:2]
        if creator := child.attributes.get("privateCreator"):
            tag = _in_block(tag, creator, blocks, model)
        if tag in model:
            raise InvalidInstanceError(f"The attribute {tag} is given twice")
        model[tag] = _element(child, vr, tag)
    return dict(sorted(model.items()))


def _in_block(tag: str, creator: str, blocks: dict[tuple[str, str], str], model: JsonObject) -> str:
    """Where a private element lies; its creator has a block reserved if it has none yet."""
    group, reserved = tag[:4], {"vr": "LO", "Value": [creator]}
    if (group, creator) not in blocks:
        for block in (f"{number:02X}" for number in range(0x10, 0x100)):
            # Some writers send the elements that reserve blocks as well.
            if model.setdefault(f"{group}00{block}", reserved) == reserved:
                blocks[group, creator] = block
                break
        else:
            raise InvalidInstanceError("A group has more private creators than it has blocks")
    return f"{group}{blocks[group, creator]}{tag[6:]}"


def _element(node: _Node, vr: str, tag: str) -> dict[str, Any]:
    if bulk := _numbered(node, "BulkData"):
        return {"vr": vr, "BulkDataURI": bulk[0].attributes.get("uri", "")}
    if inline := _numbered(node, "InlineBinary"):
        return {"vr": vr, "InlineBinary": _base64(inline[0].text, tag)}
    values: list[Any]
    if vr == "SQ":
        values = [_dataset(item) for item in _numbered(node, "Item")]
    elif vr == "PN":
        values = [_name(name) for name in _numbered(node, "PersonName")]
    else:
        values = [_scalar(value.text, vr, tag) for value in _numbered(node, "Value")]
    if all(value is None for value in values):
        return {"vr": vr}
    return {"vr": vr, "Value": values}


def _numbered(node: _Node, name: str) -> list[_Node]:
    """Children of one name, in the order of their numbers, which a careless writer leaves out."""
    found = [child for child in node.children if _local(child) == name]
    try:
        return sorted(found, key=lambda child: int(child.attributes.get("number", "0")))
    except ValueError as error:
        raise InvalidInstanceError("The number of a value is none") from error


def _base64(text: str, tag: str) -> str:
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise InvalidInstanceError(f"The value of {tag} is not in base 64") from error
    return base64.b64encode(content).decode()


def _name(node: _Node) -> dict[str, str] | None:
    groups = {}
    for group in node.children:
        parts = {_local(part): part.text for part in group.children}
        present = [index for index, name in enumerate(_COMPONENTS) if name in parts]
        count = max(present, default=-1) + 1
        groups[_local(group)] = "^".join(parts.get(name, "") for name in _COMPONENTS[:count])
    return {name: groups[name] for name in _GROUPS if name in groups} or None


def _scalar(text: str, vr: str, tag: str) -> Any:
    if text == "":
        return None
    if vr in BINARY:
        raise InvalidInstanceError(f"The value of {tag} is binary and has to be in base 64")
    if vr not in INTEGER and vr not in REAL:
        return text
    for type_ in (int, float) if vr in INTEGER else (float,):
        with suppress(ValueError, OverflowError):
            number = type_(text)
            if math.isfinite(number):
                return number
    raise InvalidInstanceError(f"The value of {tag} is not a number")
