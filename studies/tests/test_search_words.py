"""The search box: what each word is read as. No database."""

import datetime
import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from studies.search_words import Kind, Word, dates, name_nobody, read, without

TODAY = datetime.date(2026, 3, 4)  # a Wednesday
MODALITIES = {"CT", "MR"}


def words(text: str) -> list[Word]:
    return read(text, today=TODAY, modalities=MODALITIES)


def meanings(text: str) -> list[tuple[Kind, str]]:
    return [(word.kind, word.value) for word in words(text)]


@pytest.mark.parametrize(
    ("phrase", "first", "last"),
    [
        ("today", "2026-03-04", "2026-03-04"),
        ("Yesterday", "2026-03-03", "2026-03-03"),
        ("this week", "2026-03-02", "2026-03-08"),
        ("last week", "2026-02-23", "2026-03-01"),
        ("this month", "2026-03-01", "2026-03-31"),
        ("last month", "2026-02-01", "2026-02-28"),
        ("this year", "2026-01-01", "2026-12-31"),
        ("last year", "2025-01-01", "2025-12-31"),
        ("last 7 days", "2026-02-26", "2026-03-04"),
        ("past 2 weeks", "2026-02-19", "2026-03-04"),
        ("last 1 month", "2026-02-05", "2026-03-04"),
        ("last 2 years", "2024-03-05", "2026-03-04"),
        ("2026-03-01", "2026-03-01", "2026-03-01"),
        ("01.03.2026", "2026-03-01", "2026-03-01"),
        ("03/2026", "2026-03-01", "2026-03-31"),
        ("2024-2", "2024-02-01", "2024-02-29"),
        ("2025", "2025-01-01", "2025-12-31"),
        ("2025..2026-02", "2025-01-01", "2026-02-28"),
        ("2026-02-01..", "2026-02-01", None),
        ("..yesterday", None, "2026-03-03"),
        ("2026..2024", "2024-01-01", "2026-12-31"),
    ],
)
def test_a_date_is_read_as_its_first_and_last_day(phrase, first, last):
    span = tuple(day and day.isoformat() for day in dates(phrase, TODAY))

    assert span == (first, last)
    assert [word.kind for word in words(phrase)] == [Kind.DATE]


def test_the_month_before_one_of_31_days_ends_on_its_own_last_day():
    assert dates("last 1 month", datetime.date(2026, 3, 31))[0] == datetime.date(2026, 3, 1)


@pytest.mark.parametrize(
    "text", ["2026-02-30", "13/2026", "1812", "20260301", "last 9999 years", "..", "0000-01"]
)
def test_what_is_no_day_of_the_calendar_is_an_identifier_or_a_name(text):
    assert Kind.DATE not in {word.kind for word in words(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ct unread stat", [(Kind.MODALITY, "CT"), (Kind.READING, "unread"), (Kind.PRIORITY, "stat")]),
        ("In progress mine", [(Kind.READING, "in-progress"), (Kind.READER, "me")]),
        ("CT12345", [(Kind.IDENTITY, "CT12345")]),
        ("山田 Ólafur", [(Kind.IDENTITY, "山田"), (Kind.IDENTITY, "Ólafur")]),
        ("name:ct mrn:2026", [(Kind.NAME, "ct"), (Kind.MRN, "2026")]),
        ('desc:"chest pain" tag:Teaching', [(Kind.DESCRIPTION, "chest pain"), (Kind.TAG, "Teaching")]),
        ('"today"', [(Kind.IDENTITY, "today")]),
        ("last resort", [(Kind.IDENTITY, "last"), (Kind.IDENTITY, "resort")]),
        ("12:30", [(Kind.IDENTITY, "12:30")]),
        ("mrn: doe", [(Kind.IDENTITY, "mrn:"), (Kind.IDENTITY, "doe")]),
    ],
)  # fmt: skip
def test_each_word_is_read_as_what_it_says(text, expected):
    assert meanings(text) == expected


def test_a_word_says_how_it_was_read():
    assert [word.meaning for word in words("last week 2026-02-01.. CT doe")] == [
        "date: 2026-02-23 to 2026-03-01",
        "date: 2026-02-01 to any",
        "modality: CT",
        "MRN, accession number or name: doe",
    ]


def test_a_word_is_taken_away_and_the_others_stay():
    text = "doe  last week CT"

    assert without(text, words(text)[1]) == "doe CT"


def test_only_a_search_without_identifiers_and_names_names_nobody():
    assert name_nobody(words("today CT unread stat mine tag:x"))
    assert not name_nobody(words("today doe"))
    assert not name_nobody(words("mrn:1"))
    assert not name_nobody(words("desc:doe"))


piece = st.sampled_from(
    ["today", "last", "7", "days", "CT", "mrn:", 'name:"', '"', "..", "2026", "-", ":", " ", "İ", "9" * 30]
)  # fmt: skip


@given(st.one_of(st.text(max_size=60), st.lists(piece, max_size=12).map("".join), st.lists(piece).map(" ".join)))  # fmt: skip
@example("0001-01-01..")
@example("last 9999 months")
@example("٢٠٢٦")
def test_every_text_is_read_and_its_words_stand_where_they_say(text):
    found = words(text)

    places = [(word.start, word.end) for word in found]
    assert places == sorted(places)
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(places))
    assert all(word.value and word.meaning for word in found)


@given(st.lists(piece, max_size=8).map(" ".join))
def test_taking_words_away_one_by_one_leaves_nothing_that_is_read(text):
    for _ in range(40):
        found = words(text)
        if not found:
            break
        text = without(text, found[0])

    assert words(text) == []
