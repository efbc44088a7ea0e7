"""The language of the search box: what each word of a text asks for.

Text in, meaning out; nothing here knows the archive. Every text can be read: what is no word of
the language is an identifier or a part of a name.
"""

import datetime
import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

MAX_WORDS = 12
NOBODY, ME = "nobody", "me"

Span = tuple[datetime.date | None, datetime.date | None]


class Kind(StrEnum):
    """What a word restricts; the value is how a person reads it."""

    DATE = "date"
    MODALITY = "modality"
    READING = "reading"
    PRIORITY = "priority"
    READER = "reader"
    TAG = "tag"
    MRN = "MRN"
    ACCESSION = "accession number"
    NAME = "name"
    DESCRIPTION = "description"
    IDENTITY = "MRN, accession number or name"


# A search that has only these names no patient.
IMPERSONAL = frozenset(
    {Kind.DATE, Kind.MODALITY, Kind.READING, Kind.PRIORITY, Kind.READER, Kind.TAG}
)
_KEYS = {
    "mrn": Kind.MRN, "acc": Kind.ACCESSION, "accession": Kind.ACCESSION, "name": Kind.NAME,
    "desc": Kind.DESCRIPTION, "description": Kind.DESCRIPTION, "tag": Kind.TAG,
    "reader": Kind.READER,
}  # fmt: skip
_PHRASES = {
    "unread": (Kind.READING, "unread"),
    "in progress": (Kind.READING, "in-progress"),
    "in-progress": (Kind.READING, "in-progress"),
    "reported": (Kind.READING, "reported"),
    "routine": (Kind.PRIORITY, "routine"),
    "urgent": (Kind.PRIORITY, "urgent"),
    "stat": (Kind.PRIORITY, "stat"),
    "mine": (Kind.READER, ME),
    "unassigned": (Kind.READER, NOBODY),
}
_LONGEST_PHRASE = 3
# A key in front of a value, which may have blanks if it stands in quotation marks.
_TOKEN = re.compile(r'(?:(?P<key>[A-Za-z]+):)?(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"]+))')
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}
_FIRST_YEAR, _LAST_YEAR = 1900, 2100


@dataclass(frozen=True, slots=True)
class Word:
    """One word, or a phrase that means one thing.

    Attributes:
        start: Where it begins in the text.
        end: Where it ends.
        kind: What it restricts.
        value: To what, in the terms of the archive; of a date, as it was written.
        span: Of a date its first and last day, None where it is open.
    """

    start: int
    end: int
    kind: Kind
    value: str
    span: Span = (None, None)

    @property
    def meaning(self) -> str:
        """How it was read, in words."""
        if self.kind is not Kind.DATE:
            return f"{self.kind}: {self.value}"
        first, last = self.span
        if first == last:
            return f"{self.kind}: {first}"
        return f"{self.kind}: {first or 'any'} to {last or 'any'}"


@dataclass(frozen=True, slots=True)
class _Token:
    start: int
    end: int
    key: str
    text: str
    is_quoted: bool


def read(text: str, *, today: datetime.date, modalities: Collection[str]) -> list[Word]:
    """The words of a text in their order; their spans do not overlap.

    Args:
        text: As it was typed.
        today: What relative dates count from.
        modalities: Codes that are understood, in capitals.
    """
    tokens = list(map(_token, _TOKEN.finditer(text)))
    words = []
    position = 0
    while position < len(tokens):
        word, length = _next_word(tokens[position : position + _LONGEST_PHRASE], today, modalities)
        position += length
        if word.value:
            words.append(word)
    return words


def without(text: str, word: Word) -> str:
    """The text with one of its words taken away."""
    return " ".join(f"{text[: word.start]} {text[word.end :]}".split())


def name_nobody(words: Collection[Word]) -> bool:
    """Whether no word of these can be of a patient."""
    return all(word.kind in IMPERSONAL for word in words)


def _token(match: re.Match[str]) -> _Token:
    quoted = match["quoted"]
    text = (quoted if quoted is not None else match["plain"]).strip()
    key = match["key"] or ""
    if key and key.lower() not in _KEYS:  # a colon within a value
        key, text = "", f"{key}:{text}"
    return _Token(match.start(), match.end(), key.lower(), text, quoted is not None)


def _next_word(
    tokens: list[_Token], today: datetime.date, modalities: Collection[str]
) -> tuple[Word, int]:
    """The longest phrase that the tokens begin with, and of how many it is."""
    first = tokens[0]
    if first.key:
        return Word(first.start, first.end, _KEYS[first.key], first.text), 1
    for length in range(len(tokens), 0, -1):
        part = tokens[:length]
        if any(token.key or token.is_quoted for token in part):
            continue
        phrase = " ".join(token.text for token in part)
        place = (first.start, part[-1].end)
        if known := _PHRASES.get(phrase.lower()):
            return Word(*place, *known), length
        if span := dates(phrase, today):
            return Word(*place, Kind.DATE, phrase, span), length
    if first.text.upper() in modalities and not first.is_quoted:
        return Word(first.start, first.end, Kind.MODALITY, first.text.upper()), 1
    return Word(first.start, first.end, Kind.IDENTITY, first.text), 1


# --- Dates ---------------------------------------------------------------------------------------


def dates(phrase: str, today: datetime.date) -> Span | None:
    """First and last day that a phrase names, None where it names none.

    `today`, `yesterday`, `this week`, `last month`, `last 7 days`, `2026-03-01`, `01.03.2026`,
    `2026-03`, `03/2026`, `2026`, and from one of these to another as `a..b`, `a..` and `..b`.
    Weeks begin on Monday; so many last days end with today.
    """
    first, dots, last = phrase.partition("..")
    try:
        if not dots:
            return _period(phrase.lower(), today)
        start = _period(first.lower(), today) if first else (None, None)
        end = _period(last.lower(), today) if last else (None, None)
    except (ValueError, OverflowError):  # no day of the calendar
        return None
    if start is None or end is None or not (first or last):
        return None
    if start[0] and end[1] and start[0] > end[1]:
        start, end = end, start
    return start[0], end[1]


def _period(text: str, today: datetime.date) -> Span | None:
    if text in ("today", "yesterday"):
        day = today - datetime.timedelta(days=text == "yesterday")
        return day, day
    if found := re.fullmatch(r"(this|last) (week|month|year)", text):
        return _calendar_unit(found[2], today, back=int(found[1] == "last"))
    if found := re.fullmatch(r"(?:last|past) ([1-9]\d{0,3}) (day|week|month|year)s?", text):
        return _days_up_to(today, int(found[1]), found[2])
    return _written(text)


def _calendar_unit(unit: str, today: datetime.date, *, back: int) -> Span:
    """The week, month or year of today, or the one before it."""
    if unit == "week":
        monday = today - datetime.timedelta(days=today.weekday() + 7 * back)
        return monday, monday + datetime.timedelta(days=6)
    if unit == "year":
        return _year(today.year - back)
    first = today.replace(day=1)
    return _month(*_months_before(first, back))


def _days_up_to(today: datetime.date, number: int, unit: str) -> Span:
    if unit in _DAYS:
        return today - datetime.timedelta(days=number * _DAYS[unit] - 1), today
    year, month = _months_before(today, number * _MONTHS[unit])
    last_of_month = _month(year, month)[1]
    same_day = last_of_month.replace(day=min(today.day, last_of_month.day))
    return same_day + datetime.timedelta(days=1), today


def _months_before(day: datetime.date, number: int) -> tuple[int, int]:
    months = day.year * 12 + day.month - 1 - number
    return months // 12, months % 12 + 1


def _written(text: str) -> Span | None:
    if found := re.fullmatch(r"(\d{4})-(\d\d?)-(\d\d?)", text, re.ASCII):
        day = datetime.date(*map(int, found.groups()))
    elif found := re.fullmatch(r"(\d\d?)\.(\d\d?)\.(\d{4})", text, re.ASCII):
        day = datetime.date(*map(int, found.groups()[::-1]))
    elif found := re.fullmatch(r"(\d{4})-(\d\d?)", text, re.ASCII):
        return _month(int(found[1]), int(found[2]))
    elif found := re.fullmatch(r"(\d\d?)/(\d{4})", text, re.ASCII):
        return _month(int(found[2]), int(found[1]))
    elif re.fullmatch(r"\d{4}", text, re.ASCII) and _FIRST_YEAR <= int(text) <= _LAST_YEAR:
        return _year(int(text))
    else:
        return None
    return day, day


def _year(year: int) -> tuple[datetime.date, datetime.date]:
    return datetime.date(year, 1, 1), datetime.date(year, 12, 31)


def _month(year: int, month: int) -> tuple[datetime.date, datetime.date]:
    first = datetime.date(year, month, 1)
    following = datetime.date(year + month // 12, month % 12 + 1, 1)
    return first, following - datetime.timedelta(days=1)
