"""Attribute matching (PS3.4 C.2.2.2): the keys of a search as conditions in SQL.

Person names are compared whole group by whole group, without case, accents and the difference
between separators (see `names.fold`); each group that a key gives has to be one of the name's.
Numbers are compared as numbers. Dates and times are those that the modality's clock showed: most
objects do not say their time zone, so a query cannot name another (PS3.18 8.3.4.1.1).

In SQL and not in Django's terms, since every search comes through here: to compile it anew takes
several times as long as to answer it.
"""

import datetime
import functools
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from studies.dicom.attributes import (
    BY_KEYWORD,
    BY_PATH,
    REQUEST_ATTRIBUTES_SEQUENCE,
    Attribute,
    Level,
    is_uid,
    tag_path,
)
from studies.dicom.names import fold
from studies.dicom.parse import to_date, to_time
from studies.errors import InvalidQueryError

T = TypeVar("T", datetime.date, datetime.time)

# The row that holds the attributes of a level, by the name that statements give it.
ROWS = {
    Level.PATIENT: "study", Level.STUDY: "study", Level.SERIES: "series",
    Level.INSTANCE: "instance",
}  # fmt: skip
# The levels whose attributes are keys where one is searched.
REACHABLE = {
    Level.STUDY: (Level.PATIENT, Level.STUDY),
    Level.SERIES: (Level.PATIENT, Level.STUDY, Level.SERIES),
    Level.INSTANCE: (Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE),
}
_SPECIFIC_CHARACTER_SET = "00080005"
# A date and the time that goes with it: ranges of both are one span of time.
_MOMENTS = (
    ("StudyDate", "StudyTime"),
    ("PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime"),
)
_STUDY_MOMENT = "study.study_moment"
# Columns with an index of their capitals, in which a beginning or a part is found.
_INDEXED_IN_CAPITALS = {"patient_id", "accession_number", "study_description"}
# As many characters as columns have; lists of UIDs are longer.
_MAX_LENGTH = 256
# Codes that are no characters, in place of wildcards while the text around them is changed.
_ANY, _ONE = "\ufdd0", "\ufdd1"
# More is no honest pattern, and each costs the database time.
_MAX_WILDCARDS = 20
_MAX_SIMILAR_WORDS = 10


@dataclass(frozen=True, slots=True)
class Options:
    """What a client may ask for beyond plain matching (PS3.18 8.3.4).

    Attributes:
        fuzzy: Every word of a person's name, in any order, begins a word of the name or is
            similar to one.
        empty_values: `""` matches what has no value.
        multiple_values: Of several values each has to be there, not one of them.
    """

    fuzzy: bool = False
    empty_values: bool = False
    multiple_values: bool = False


Keys = dict[Attribute, str]


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL, the values of its placeholders apart; a condition without a text is true."""

    text: str = ""
    values: tuple[Any, ...] = ()

    def __and__(self, other: "Sql") -> "Sql":
        if not (self.text and other.text):
            return self if self.text else other
        return Sql(f"{self.text} AND {other.text}", self.values + other.values)

    def __or__(self, other: "Sql") -> "Sql":
        """In parentheses, so that it can be a part of any other."""
        if not (self.text and other.text):
            return Sql()
        return Sql(f"(({self.text}) OR ({other.text}))", self.values + other.values)


def column_of(attribute: Attribute) -> str:
    """Where the value of an attribute stands, as statements name it."""
    return f"{ROWS[attribute.level]}.{attribute.column}"


def condition(level: Level, keys: Mapping[str, str], options: Options) -> Sql:
    """What a row of this level has to be to match every key.

    Args:
        level: STUDY, SERIES or INSTANCE.
        keys: Keyword, tag or path of them → value in the notation of PS3.18 8.3.4.1.
        options: How to match.

    Raises:
        InvalidQueryError: On a key that is unknown, given twice or of a lower level, or a
            malformed value.
    """
    wanted = _wanted(level, keys)
    result = Sql()
    for names in _MOMENTS:
        result &= _match_span(wanted, *(BY_KEYWORD[name] for name in names))
    in_items = {attribute: value for attribute, value in wanted.items() if attribute.sequence}
    if in_items:
        result &= _match_item(in_items, options)
    for attribute, value in wanted.items():
        if not attribute.sequence:
            result &= _match(column_of(attribute), value, attribute, options)
    return result


def _wanted(level: Level, keys: Mapping[str, str]) -> Keys:
    """The keys that exclude anything; all others only have to be keys."""
    wanted: Keys = {}
    seen = set()
    for name, padded in keys.items():
        path = tag_path(name)
        if path in seen:
            raise InvalidQueryError(f"{name[:64]} is given twice")
        seen.add(path)
        value = padded.strip(" ")  # padding (PS3.5 6.2)
        if path and (not value.strip("*") or path == _SPECIFIC_CHARACTER_SET):
            continue  # universal matching (PS3.4 C.2.2.2.3), and what is never matched
        attribute = _attribute(name, path, level)
        _check(attribute, value)
        wanted[attribute] = value
    return wanted


def _attribute(name: str, path: str, level: Level) -> Attribute:
    if path == REQUEST_ATTRIBUTES_SEQUENCE:
        raise InvalidQueryError(f"{name} is a sequence; name an attribute in it, after a dot")
    attribute = BY_PATH.get(path)
    if attribute is BY_KEYWORD["TimezoneOffsetFromUTC"]:
        raise InvalidQueryError(
            "TimezoneOffsetFromUTC cannot be given; dates and times are matched as they were"
            " written, each in the time zone of its own study"
        )
    if attribute is None or not attribute.matches:
        raise InvalidQueryError(f"{name[:64]} is not a key that this archive matches")
    if attribute.level not in REACHABLE[level]:
        raise InvalidQueryError(f"{name} belongs to a lower level than the one searched")
    return attribute


def _check(attribute: Attribute, value: str) -> None:
    if not all(map(_is_in_values, value)):
        raise InvalidQueryError(f"{attribute.keyword} holds a character that no value has")
    if attribute.vr != "UI" and len(value) > _MAX_LENGTH:
        raise InvalidQueryError(f"{attribute.keyword} is longer than any value")
    if value.count("*") + value.count("?") > _MAX_WILDCARDS:
        raise InvalidQueryError(f"{attribute.keyword} has more than {_MAX_WILDCARDS} wildcards")


def _is_in_values(character: str) -> bool:
    """No control character, no half of a surrogate pair and none of Unicode's noncharacters."""
    code = ord(character)
    is_noncharacter = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE  # noqa: PLR2004
    return not is_noncharacter and unicodedata.category(character) not in ("Cc", "Cs")


def _match(column: str, value: str, attribute: Attribute, options: Options) -> Sql:
    if options.empty_values and value == '""':
        return _is_empty(column, attribute)
    if attribute.derived:
        return _match_modalities(column, value, options)
    if attribute.vr == "PN" and options.fuzzy:
        return _match_similar(column, value, attribute)
    return _MATCHERS[attribute.vr](column, value, attribute)


def _is_empty(column: str, attribute: Attribute) -> Sql:
    """Empty value matching (PS3.4 C.2.2.2.7)."""
    if attribute.derived:
        return Sql(f"{column} = '{{}}'")
    if attribute.vr in ("DA", "TM", "IS"):
        return Sql(f"{column} IS NULL")
    return Sql(f"{column}_folded = ''" if attribute.vr == "PN" else f"{column} = ''")


# --- Texts, UIDs and numbers ---------------------------------------------------------------------


def _match_uid(column: str, value: str, attribute: Attribute) -> Sql:
    uids = re.split(r"[,\\]", value)
    if not all(is_uid(uid) for uid in uids):
        raise InvalidQueryError(f"{attribute.keyword} is not a list of UIDs")
    return Sql(f"{column} = ANY(%s)", (uids,)) if len(uids) > 1 else equals(column, uids[0])


def equals(column: str, value: object) -> Sql:
    return Sql(f"{column} = %s", (value,))


def _match_text(column: str, value: str, attribute: Attribute) -> Sql:
    """Single value or wildcards, case-sensitive (PS3.4 C.2.2.2.1, C.2.2.2.4)."""
    if not _has_wildcards(value):
        return equals(column, value)
    result = _is_like(column, value)
    if attribute.column in _INDEXED_IN_CAPITALS:
        # The same said of capitals, of which there is an index. A letter may have two of them; in
        # capitals as the database makes them, for Python's differ for some, ß among them.
        capitals = _like_pattern(value.replace("?", "*"))
        result &= Sql(f"UPPER({column}) LIKE UPPER(%s)", (capitals,))
    return result


def _match_number(column: str, value: str, attribute: Attribute) -> Sql:
    if not re.fullmatch(r"[+-]?[0-9]{1,12}", value):  # an IS has no more (PS3.5 6.2)
        raise InvalidQueryError(f"{attribute.keyword} is not a whole number")
    return equals(column, int(value))


def _match_modalities(column: str, value: str, options: Options) -> Sql:
    """Modalities in Study (PS3.4 C.3.4): one of those given or, if so opted, all of them.

    What a list means without multiple value matching is open (PS3.4 C.2.2.3); clients that send
    one mean alternatives.
    """
    values = [part.strip(" ") for part in re.split(r"[,\\]", value)]
    if options.multiple_values and len(values) > 1:
        if _has_wildcards(value):
            raise InvalidQueryError("ModalitiesInStudy has wildcards in a list of values")
        return Sql(f"{column} @> %s::varchar[]", (values,))
    named = [part for part in values if not _has_wildcards(part)]
    result = Sql(f"{column} && %s::varchar[]", (named,))
    for part in filter(_has_wildcards, values):
        result |= Sql(
            "EXISTS (SELECT FROM studies_series alike WHERE alike.study_id = study.id"
            " AND alike.modality LIKE %s)",
            (_like_pattern(part),),
        )
    return result


def _has_wildcards(value: str) -> bool:
    return "*" in value or "?" in value


def _like_pattern(value: str) -> str:
    """`*` and `?` in the notation of LIKE, whose own signs are letters here."""
    escaped = re.sub(r"([\\%_])", r"\\\1", value)
    return re.sub(r"\*+", "%", escaped).replace("?", "_")


# --- Items of a sequence -------------------------------------------------------------------------


def _match_item(keys: Keys, options: Options) -> Sql:
    """One item of the sequence that matches all of its keys (PS3.4 C.2.2.2.6)."""
    column = column_of(next(iter(keys)))
    empty = {a for a, value in keys.items() if options.empty_values and value == '""'}
    tests = [f"!exists(@.{a.keyword})" if a in empty else _item_test(a, keys[a]) for a in keys]
    # Equality in it is answered from the index, and of several tests those that are one.
    result = Sql(f"{column} @? %s::jsonpath", (f"$[*] ? ({' && '.join(tests)})",))
    return result | Sql(f"{column} = '[]'") if len(empty) == len(keys) else result


def _item_test(attribute: Attribute, value: str) -> str:
    """Single value or wildcards as `_match_text`, in the notation of SQL/JSON."""
    if not _has_wildcards(value):
        return f"@.{attribute.keyword} == {json.dumps(value)}"
    regex = re.escape(re.sub(r"\*+", _ANY, value).replace("?", _ONE))
    regex = regex.replace(_ANY, ".*").replace(_ONE, ".")
    return f'@.{attribute.keyword} like_regex {json.dumps(f"^{regex}$")} flag "s"'


# --- Person names --------------------------------------------------------------------------------


def _match_name(column: str, value: str, attribute: Attribute) -> Sql:
    """Whole component groups, without case and accents (PS3.4 C.2.2.2.1, C.2.2.2.4)."""
    result = Sql()
    for group in value.split("="):
        marked = re.sub(r"\*+", _ANY, group.strip("^ ")).replace("?", _ONE)
        if pattern := _folded(marked, attribute):  # a group of separators asks for nothing
            result &= _group_matches(f"{column}_folded", pattern)
    return result


def _folded(text: str, attribute: Attribute) -> str:
    """As names are kept; some letters are many then."""
    folded = fold(text)
    if len(folded) > _MAX_LENGTH:
        raise InvalidQueryError(f"{attribute.keyword} is longer than any value")
    return folded


def _group_matches(column: str, pattern: str) -> Sql:
    """By LIKE where it can be said so: what that finds, the planner can estimate."""
    part = pattern.removeprefix(_ANY).removesuffix(_ANY)
    if not {_ANY, _ONE} & set(part):
        if pattern == f"{_ANY}{part}{_ANY}":
            return _is_like(column, f"*{part}*")
        if not pattern.startswith(_ANY):
            forms = [f"{part}*"] if pattern.endswith(_ANY) else [part, f"{part}=*"]
            first = functools.reduce(Sql.__or__, [_is_like(column, form) for form in forms])
            others = functools.reduce(Sql.__or__, [_is_like(column, f"*={form}") for form in forms])
            # Few names have a second group; there is an index of these.
            return first | (Sql(f"{column} LIKE '%%=%%'") & others)
    regex = re.escape(pattern).replace(_ANY, "[^=]*").replace(_ONE, "[^=]")
    return Sql(f"{column} ~ %s", (f"(^|=){regex}($|=)",))


def _is_like(column: str, pattern: str) -> Sql:
    return Sql(f"{column} LIKE %s", (_like_pattern(pattern),))


def _match_similar(column: str, value: str, attribute: Attribute) -> Sql:
    """Fuzzy matching (PS3.18 8.3.4.2): never fewer than without.

    Similar is a word of which pg_trgm says so at its own threshold of strict word similarity: half
    of the trigrams of both are in common, as of Müller and Mueller.
    """
    words = _folded(re.sub(r"[*?]", " ", value), attribute).split()
    if len(words) > _MAX_SIMILAR_WORDS:
        raise InvalidQueryError(f"{attribute.keyword} has more than {_MAX_SIMILAR_WORDS} words")
    result, name = Sql(), f"{column}_folded"
    for word in words:
        begins = Sql(f"{name} ~ %s", (f"(^|[ =]){re.escape(word)}",))
        result &= begins | Sql(f"%s <<%% {name}", (word,))
    if not _has_wildcards(value):
        return result
    plainly = _match_name(column, value, attribute)
    return result | plainly if words else plainly


# --- Dates and times -----------------------------------------------------------------------------


def _match_date(column: str, value: str, attribute: Attribute) -> Sql:
    first, last = _ends(value, attribute, to_date, to_date)
    result = _between(column, first, last)
    if attribute.keyword == "StudyDate":  # the same in terms of the column that has an index
        first_moment = first and _moment(first, datetime.time.min)
        last_moment = last and _moment(last, datetime.time.max)
        result &= _between(_STUDY_MOMENT, first_moment, last_moment)
    return result


def _match_time(column: str, value: str, attribute: Attribute) -> Sql:
    return _between(column, *_ends(value, attribute, to_time, _last_time))


def _match_span(wanted: Keys, date: Attribute, time: Attribute) -> Sql:
    """A range of dates and one of times of the same form as one span (PS3.4 C.2.2.2.5.4).

    Both keys are taken out of `wanted` then. What lacks either value is in no span.
    """
    forms = [[bool(end) for end in wanted.get(key, "").split("-")] for key in (date, time)]
    if forms[0] != forms[1] or len(forms[0]) != 2:  # noqa: PLR2004 - a range has two ends
        return Sql()
    dates = _ends(wanted.pop(date), date, to_date, to_date)
    times = _ends(wanted.pop(time), time, to_time, _last_time)
    days, clock = column_of(date), column_of(time)
    result = Sql(f"{days} IS NOT NULL AND {clock} IS NOT NULL")
    for sign, day, moment in zip((">", "<"), dates, times, strict=True):
        if day is None or moment is None:
            continue
        if date.keyword == "StudyDate":
            result &= Sql(f"{_STUDY_MOMENT} {sign}= %s", (_moment(day, moment),))
        else:
            result &= Sql(f"({days}, {clock}) {sign}= (%s, %s)", (day, moment))
    return result


def _moment(day: datetime.date, time: datetime.time) -> datetime.datetime:
    return datetime.datetime.combine(day, time, datetime.UTC)


def _last_time(text: str) -> datetime.time | None:
    """The last moment that a TM value of reduced precision stands for (PS3.5 6.2)."""
    digits = re.sub("[:.]", "", text)
    latest = digits + "235959999999"[len(digits) :]
    return to_time(text) and to_time(f"{latest[:6]}.{latest[6:]}")


def _ends(
    value: str,
    attribute: Attribute,
    first_of: Callable[[str], T | None],
    last_of: Callable[[str], T | None],
) -> tuple[T | None, T | None]:
    """Of `a`, `a-b`, `a-` or `-b`, both included (PS3.4 C.2.2.2.5); None where it is open."""
    start, dash, end = value.partition("-")
    end = end if dash else start
    first, last = first_of(start) if start else None, last_of(end) if end else None
    if (start and first is None) or (end and last is None) or not (start or end):
        raise InvalidQueryError(f"{attribute.keyword} is not a value or a range")
    return first, last


def _between(column: str, first: object, last: object) -> Sql:
    result = Sql(f"{column} IS NOT NULL")
    if first is not None:
        result &= Sql(f"{column} >= %s", (first,))
    if last is not None:
        result &= Sql(f"{column} <= %s", (last,))
    return result


_MATCHERS: dict[str, Callable[[str, str, Attribute], Sql]] = {
    "UI": _match_uid, "PN": _match_name, "DA": _match_date, "TM": _match_time,
    "IS": _match_number, "LO": _match_text, "SH": _match_text, "CS": _match_text,
}  # fmt: skip
