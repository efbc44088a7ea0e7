"""Matches of a search as text of the DICOM JSON model (PS3.18 10.6.3.3).

Which attributes an answer holds and how each is written is prepared once for all rows: a page is
columns of one statement, joined between texts that do not change.
"""

import functools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any

from studies.dicom.attributes import (
    ATTRIBUTES,
    BY_KEYWORD,
    BY_PATH,
    REQUEST_ATTRIBUTES_SEQUENCE,
    Attribute,
    Level,
    Returned,
)
from studies.dicom.json_model import JsonObject, dumps
from studies.dicom.overlay import to_dicom_text
from studies.matching import REACHABLE, column_of

Row = tuple[Any, ...]
# Text of one attribute, `"00080020":{…}`, or nothing where the answer is to leave it out.
_Write = Callable[[Row], str]
Tree = dict[str, "Tree"]
"""Tags, each with those wanted of its items; none for whole items."""

_RETRIEVE_URL = "00081190"
_AVAILABILITY = "00080056"
_STORED_OBJECT = "instance.stored_object_id"
_UIDS = {
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.INSTANCE: "SOPInstanceUID",
}
_RESOURCES = {Level.STUDY: "studies", Level.SERIES: "series", Level.INSTANCE: "instances"}


@dataclass(frozen=True)
class Selection:
    """What an answer holds.

    Attributes:
        level: What is searched for.
        attributes: Of the index.
        asked: Those of them that are there even without a value.
        header: Paths of tags in the stored header besides; empty for all of it, None for nothing.
    """

    level: Level
    attributes: frozenset[Attribute]
    asked: frozenset[Attribute]
    header: tuple[str, ...] | None = None


# --- Selecting -----------------------------------------------------------------------------------


@functools.lru_cache(maxsize=64)
def select(
    level: Level, *, parents: int, asked: frozenset[str] = frozenset(), everything: bool = False
) -> Selection:
    """What the answer to a search holds (PS3.18 Tables 10.6.3-3 to 10.6.3-5).

    Attributes of a lower level than the one searched are never returned. The UIDs of the parents
    always are, as is what the tables leave out and lists show: descriptions, body part.

    Args:
        level: What is searched for.
        parents: How many UIDs of parents the resource names; their attributes go without saying.
        asked: Paths of tags that includefield or keys name.
        everything: Whether includefield is `all`.
    """
    upwards = (Level.INSTANCE, Level.SERIES, Level.STUDY, Level.PATIENT)
    reachable = upwards[upwards.index(level) :]
    own = set(reachable[: len(reachable) - 1 - parents])
    shown = {*own, Level.PATIENT} if Level.STUDY in own else own
    paths = set(asked)
    known = {attribute for attribute in ATTRIBUTES if attribute.level in reachable}
    named = {a for a in known if everything or not paths.isdisjoint((a.path, a.sequence))}
    default = {a for a in known if a.level in shown and a.returned is not Returned.ASKED}
    always = {BY_KEYWORD[keyword] for keyword in ("TimezoneOffsetFromUTC", *_UIDS.values())}
    header = None
    if level is Level.INSTANCE:
        header = () if everything else _only_in_header(paths) or None
    return Selection(level, frozenset(named | default | (always & known)), frozenset(named), header)


def _only_in_header(paths: set[str]) -> tuple[str, ...]:
    """What neither the index nor this module says; no private ones, whose creator is not asked."""
    made = {_RETRIEVE_URL, _AVAILABILITY, *BY_PATH}
    return tuple(sorted(path for path in paths - made if int(path[3], 16) % 2 == 0))


def _tree(paths: Iterable[str]) -> Tree:
    root: Tree = {}
    for path in paths:
        node = root
        for tag in path.split("."):
            node = node.setdefault(tag, {})
    return root


# --- Writing -------------------------------------------------------------------------------------


class Writer:
    """Writes rows of the columns that a selection needs; prepared once and used for many answers.

    Attributes:
        columns: What to select, as `matching.column_of` names it.
        header: Where in each row the key of a stored object is, in whose place `write` takes its
            header; None where none is wanted.
    """

    def __init__(self, selection: Selection, base_url: str) -> None:
        self.columns: list[str] = []
        self._selection = selection
        self._tree = _tree(selection.header or ())
        writers: dict[str, _Write] = {
            _RETRIEVE_URL: self._url_writer(base_url),
            _AVAILABILITY: lambda _: f'"{_AVAILABILITY}":{{"vr":"CS","Value":["ONLINE"]}}',
        }
        for attribute in selection.attributes:
            if not attribute.sequence:
                writers[attribute.tag] = self._attribute_writer(attribute)
        if items := [a for a in selection.attributes if a.sequence]:
            writers[REQUEST_ATTRIBUTES_SEQUENCE] = self._item_writer(items)
        self._writers = [writers[tag] for tag in sorted(writers)]
        self.header = None if selection.header is None else self._column(_STORED_OBJECT)

    def write(self, row: Row) -> str:
        """One match, its attributes in ascending order of tags."""
        text = "{" + ",".join(filter(None, [write(row) for write in self._writers])) + "}"
        return text if self.header is None else self._with_header(text, row[self.header])

    def _with_header(self, text: str, header_json: str) -> str:
        """With what the stored header says besides; who and what it is, the index knows better."""
        header, index = json.loads(header_json), json.loads(text)
        wanted = _pruned(header, self._tree)
        # Of a request the index knows two attributes only.
        requests = {tag: wanted[tag] for tag in {REQUEST_ATTRIBUTES_SEQUENCE} & wanted.keys()}
        return dumps(dict(sorted((wanted | index | requests).items())))

    def _column(self, name: str) -> int:
        """Where the row holds this column."""
        if name not in self.columns:
            self.columns.append(name)
        return self.columns.index(name)

    def _attribute_writer(self, attribute: Attribute) -> _Write:
        """Of an attribute that is there without a value too, if asked for or always."""
        value = self._value_writer(attribute)
        present = f'"{attribute.tag}":{{"vr":"{attribute.vr}","Value":['
        shown = attribute in self._selection.asked or attribute.returned is Returned.ALWAYS
        absent = f'"{attribute.tag}":{{"vr":"{attribute.vr}"}}' if shown else ""

        def write(row: Row) -> str:
            text = value(row)
            return f"{present}{text}]}}" if text else absent

        return write

    def _value_writer(self, attribute: Attribute) -> _Write:
        column = column_of(attribute)
        if attribute.vr == "PN":
            return _name_writer([self._column(column + group) for group in _NAME_COLUMNS])
        index, write = self._column(column), _VALUE_WRITERS.get(attribute.vr, encode_basestring)
        if attribute.derived and attribute.vr == "CS":
            return lambda row: ",".join(map(encode_basestring, row[index]))
        return lambda row: "" if row[index] in (None, "") else write(row[index])

    def _item_writer(self, attributes: list[Attribute]) -> _Write:
        """The sequence with all items of which the index holds these attributes."""
        index = self._column(column_of(attributes[0]))
        attributes = sorted(attributes, key=_by_tag)
        keywords = {attribute.keyword for attribute in attributes}
        asked = self._selection.asked & set(attributes)
        absent = f'"{REQUEST_ATTRIBUTES_SEQUENCE}":{{"vr":"SQ"}}' if asked else ""

        def write(row: Row) -> str:
            if row[index] == "[]":  # as of most series, for which reading JSON would cost more
                return absent
            known = (item for item in json.loads(row[index]) if not keywords.isdisjoint(item))
            items = ",".join(_item(item, attributes) for item in known)
            return (
                f'"{REQUEST_ATTRIBUTES_SEQUENCE}":{{"vr":"SQ","Value":[{items}]}}'
                if items
                else absent
            )

        return write

    def _url_writer(self, base_url: str) -> _Write:
        steps = []
        for level in REACHABLE[self._selection.level]:
            if level in _RESOURCES:
                column = self._column(column_of(BY_KEYWORD[_UIDS[level]]))
                steps.append((f"/{_RESOURCES[level]}/", column))

        def write(row: Row) -> str:
            url = base_url + "".join(f"{resource}{row[index]}" for resource, index in steps)
            return f'"{_RETRIEVE_URL}":{{"vr":"UR","Value":[{encode_basestring(url)}]}}'

        return write


def _by_tag(attribute: Attribute) -> str:
    return attribute.tag


def _name_writer(indexes: list[int]) -> _Write:
    groups = [f'"{name}":' for name in ("Alphabetic", "Ideographic", "Phonetic")]

    def write(row: Row) -> str:
        parts = [
            group + encode_basestring(row[index])
            for group, index in zip(groups, indexes, strict=True)
            if row[index]
        ]
        return "{" + ",".join(parts) + "}" if parts else ""

    return write


def _item(item: dict[str, str], attributes: list[Attribute]) -> str:
    """One item of a sequence in a column, its attributes there even without a value."""
    return "{" + ",".join(_element(a, item.get(a.keyword, "")) for a in attributes) + "}"


def _element(attribute: Attribute, text: str) -> str:
    value = f',"Value":[{encode_basestring(text)}]' if text else ""
    return f'"{attribute.tag}":{{"vr":"{attribute.vr}"{value}}}'


def _quoted_moment(value: Any) -> str:
    return f'"{to_dicom_text(value)}"'


_NAME_COLUMNS = ("", "_ideographic", "_phonetic")
_VALUE_WRITERS: dict[str, Callable[[Any], str]] = {
    "DA": _quoted_moment, "TM": _quoted_moment, "IS": str, "US": str,
}  # fmt: skip


def _pruned(model: JsonObject, tree: Tree) -> JsonObject:
    """What of a data set is in the tree; all of it if that is empty."""
    if not tree:
        return model
    found = {tag: model[tag] for tag in tree if tag in model}
    return {
        tag: element | {"Value": [_pruned(item, tree[tag]) for item in element["Value"]]}
        if element["vr"] == "SQ" and "Value" in element
        else element
        for tag, element in found.items()
    }


@functools.lru_cache(maxsize=64)
def writer_of(selection: Selection, base_url: str) -> Writer:
    """The same writer for the same answer to the same name of this server."""
    return Writer(selection, base_url)
