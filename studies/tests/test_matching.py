"""Every search compared with a plain reading of PS3.4 C.2.2.2, on rows and keys made at random.

The reading shares no code with the search: it has its own folding of names and text of dates.
"""

import datetime
import random
import re
import unicodedata

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from hypothesis import given, settings
from hypothesis import strategies as st

from studies import query
from studies.dicom.attributes import ATTRIBUTES, BY_KEYWORD, Level
from studies.dicom.names import PersonName
from studies.index import name_fields
from studies.matching import ROWS, Options
from studies.models import Instance, Patient, Series, Source, StoredObject, Study

pytestmark = pytest.mark.django_db

LEVELS = (Level.STUDY, Level.SERIES, Level.INSTANCE)
KEYS = [attribute for attribute in ATTRIBUTES if attribute.matches]
ITEM_KEYWORDS = {attribute.keyword for attribute in KEYS if attribute.sequence}

# --- Rows ------------------------------------------------------------------------------------------

NAMES = [
    "", "Müller^Jürgen", "MULLER^JURGEN", "Muller", "Miller^Anna Maria", "O'Neil^Ann-Marie^^Dr",
    "Yamada^Tarou=山田^太郎=やまだ^たろう", "Weiß^Zoë", "=山田", "a.b^[c]", "Anna",
]  # fmt: skip
TEXTS = ["", "A", "a", "AB", "ABC", "A%", "A_C", "A\\C", "(A|B)", "ä", "Ä", "A B", '""', "ßA"]
DATES = [None, *(datetime.date(2024, 2, day) for day in (27, 28, 29)), datetime.date(2024, 3, 1)]
TIMES = [
    None,
    *(datetime.time(*t) for t in ((0,), (9, 30), (9, 30, 15), (9, 30, 15, 500), (23, 59))),
]
NUMBERS = [None, 0, 1, 2, 12]
CODES = ["", "CT", "MR", "PT", "CR"]
VALUES = {
    "DA": DATES, "TM": TIMES, "IS": NUMBERS, "CS": CODES, "LO": TEXTS, "SH": TEXTS,
}  # fmt: skip


def random_columns(rng, *levels):
    """A value of every attribute of these levels that is a key, but for UIDs."""
    columns = {}
    for attribute in KEYS:
        if attribute.level in levels and not attribute.derived:
            if attribute.vr == "PN":
                columns |= name_fields(attribute.column, PersonName.from_text(rng.choice(NAMES)))
            elif attribute.sequence:
                columns[attribute.column] = random_items(rng)
            elif attribute.vr != "UI":
                columns[attribute.column] = rng.choice(VALUES[attribute.vr])
    return columns


def random_items(rng):
    """None to three items, each with a value of one or both attributes."""
    items = [
        {a.keyword: text for a in KEYS if a.sequence and (text := rng.choice(TEXTS[:6]))}
        for _ in range(rng.randint(0, 3))
    ]
    return [item for item in items if item]


@pytest.fixture
def rows(seed):
    """Per level, primary key → keyword → value as text, None or a list of texts or of items."""
    rng = random.Random(seed)
    patient = Patient.objects.create()
    stored = StoredObject.objects.create(object_key="k", source=Source.SEED, size_bytes=1)
    for number in range(40):
        modalities = set()
        study = Study.objects.create(
            patient_record=patient, study_instance_uid=f"1.{number}",
            **random_columns(rng, Level.PATIENT, Level.STUDY),
        )  # fmt: skip
        for index in range(rng.randint(0, 2)):
            series = Series.objects.create(
                study=study, series_instance_uid=f"1.{number}.{index}",
                **random_columns(rng, Level.SERIES),
            )  # fmt: skip
            modalities |= {series.modality} - {""}
            Instance.objects.create(
                series=series, stored_object=stored, sop_instance_uid=f"1.{number}.{index}.1",
                sop_class_uid=f"1.2.{index}", **random_columns(rng, Level.INSTANCE),
            )  # fmt: skip
        Study.objects.filter(pk=study.pk).update(modalities_in_study=sorted(modalities))
    studies = {row.pk: described(Level.STUDY, row) for row in Study.objects.all()}
    series = {
        row.pk: studies[row.study_id] | described(Level.SERIES, row) for row in Series.objects.all()
    }
    instances = {
        row.pk: series[row.series_id] | described(Level.INSTANCE, row)
        for row in Instance.objects.all()
    }
    return {Level.STUDY: studies, Level.SERIES: series, Level.INSTANCE: instances}


@pytest.fixture
def seed():
    """Other rows each time; a failure says which."""
    return random.randrange(10**6)


def described(level, row):
    levels = {level, Level.PATIENT} if level is Level.STUDY else {level}
    values = {}
    for attribute in KEYS:
        if attribute.level in levels:
            value = getattr(row, attribute.column)
            if attribute.vr == "PN":
                value = str(
                    PersonName(
                        value,
                        getattr(row, f"{attribute.column}_ideographic"),
                        getattr(row, f"{attribute.column}_phonetic"),
                    )
                )
            values[attribute.keyword] = value if isinstance(value, list) else as_text(value)
    return values


def as_text(value):
    if isinstance(value, datetime.date):
        return f"{value.year:04}{value.month:02}{value.day:02}"
    if isinstance(value, datetime.time):
        fraction = f".{value.microsecond:06}" if value.microsecond else ""
        return f"{value.hour:02}{value.minute:02}{value.second:02}{fraction}"
    return "" if value is None else str(value)


# --- The plain reading -----------------------------------------------------------------------------


def matches(row, keys, options):
    """Whether one row matches all keys; rows and keys by keyword."""
    wanted = {keyword: value.strip(" ") for keyword, value in keys.items()}
    pairs = [
        ("StudyDate", "StudyTime"),
        ("PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime"),
    ]
    spans = [pair for pair in pairs if wanted.keys() >= set(pair)]
    spans = [pair for pair in spans if same_form(*(wanted[keyword] for keyword in pair))]
    for date, time in spans:
        if not in_span(row[date], row[time], wanted.pop(date), wanted.pop(time)):
            return False
    wanted = {keyword: value for keyword, value in wanted.items() if value.strip("*")}
    in_items = {keyword: wanted.pop(keyword) for keyword in ITEM_KEYWORDS & wanted.keys()}
    return items_match(row, in_items, options) and all(
        matches_one(row[keyword], keyword, value, options) for keyword, value in wanted.items()
    )


def items_match(row, keys, options):
    """Whether one item matches all keys; where there is none, all are without a value."""
    return not keys or any(
        all(
            matches_one(item.get(keyword, ""), keyword, value, options)
            for keyword, value in keys.items()
        )
        for item in row[next(iter(keys))] or [{}]
    )


def matches_one(has, keyword, value, options):
    vr = BY_KEYWORD[keyword].vr
    if options.empty_values and value == '""':
        return not has
    if keyword == "ModalitiesInStudy":
        asked = value.replace("\\", ",").split(",")
        quantifier = all if options.multiple_values and len(asked) > 1 else any
        return quantifier(any(like(one, modality) for modality in has) for one in asked)
    if vr == "PN":
        return name_matches(has, value)
    if vr == "UI":
        return has in value.replace("\\", ",").split(",")
    if vr in ("DA", "TM"):
        return in_range(has, value)
    if vr == "IS":
        return has != "" and int(has) == int(value)
    return like(value, has)


def like(pattern, text):
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(like(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and like(pattern[1:], text[1:])


# As its own letters are written without marks, where Unicode has no such form of it.
PLAIN = {"ø": "o", "ł": "l", "æ": "ae"}


def plain(text):
    """A name without case, marks and separators."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = [PLAIN.get(c, c) for c in letters if unicodedata.category(c) != "Mn"]
    return unicodedata.normalize("NFC", " ".join(re.split(r"[\s^=,]+", "".join(kept)))).strip()


def name_matches(name, value):
    groups = [plain(group) for group in name.split("=")]
    asked = [folded(group.strip("^ ")).strip() for group in value.split("=")]
    return all(any(like(one, group) for group in groups) for one in asked if one)


SEPARATORS = ("^", " ", ",")


def folded(pattern):
    """Between wildcards as any name, but separators next to one remain."""
    pieces = []
    for piece in re.split(r"([*?])", pattern):
        core = plain(piece)
        left, right = piece[:1] in SEPARATORS, piece[-1:] in SEPARATORS
        if piece in ("*", "?"):
            pieces.append(piece)
        elif core:
            pieces.append(" " * left + core + " " * right)
        else:
            pieces.append(" " * bool(piece))
    return "".join(pieces)


def same_form(date, time):
    ends = [[bool(end) for end in value.split("-")] for value in (date, time)]
    return ends[0] == ends[1] and len(ends[0]) == 2


def in_span(date, time, dates, times):
    first, last = ends_of(dates)
    earliest, latest = ends_of(times)
    moment = date + padded(time, "0")
    return (
        bool(date and time)
        and (not first or first + padded(earliest, "0") <= moment)
        and (not last or moment <= last + padded(latest, "9"))
    )


def in_range(value, asked):
    first, last = ends_of(asked)
    moment = padded(value, "0")
    return value != "" and padded(first, "0") <= moment <= padded(last or "9", "9")


def ends_of(asked):
    return asked.split("-") if "-" in asked else (asked, asked)


def padded(text, filler):
    """As long as text to the microsecond."""
    return text.replace(".", "").ljust(16, filler)


# --- Keys ------------------------------------------------------------------------------------------

LEVELS_OF = {
    Level.STUDY: (Level.PATIENT, Level.STUDY),
    Level.SERIES: (Level.PATIENT, Level.STUDY, Level.SERIES),
    Level.INSTANCE: tuple(Level),
}


def keywords_of(level):
    return sorted(a.keyword for a in KEYS if a.level in LEVELS_OF[level])


@st.composite
def patterns(draw, values):
    """A value, or one with wildcards in place of parts of it."""
    text = draw(st.sampled_from(values))
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(st.sampled_from("*?")) + text[start + draw(st.integers(0, 3)) :]
    return text


@st.composite
def ranges(draw, values):
    one, other = draw(st.sampled_from(values)), draw(st.sampled_from(values))
    return draw(st.sampled_from([one, f"{one}-{other}", f"{one}-", f"-{one}"]))


DAYS = ["20240227", "20240228", "20240229", "20240301"]
CLOCK = ["00", "09", "0930", "093015", "093015.0005", "093016", "235959"]
BY_VR = {
    "PN": patterns([name for name in NAMES if name] + ["muller jurgen", "ANNA", "Weiss^Zoe^^"]),
    "DA": ranges(DAYS),
    "TM": ranges(CLOCK),
    "IS": st.sampled_from(["0", "1", "+2", "012", "7"]),
    "UI": st.tuples(
        st.sampled_from([",", "\\"]),
        st.lists(
            st.sampled_from(["1.1", "1.2.0", "1.2.1", "1.3.0.1", "1.5.1", "1.7"]),
            min_size=1,
            max_size=3,
        ),
    ).map(lambda drawn: drawn[0].join(drawn[1])),
    "CS": st.sampled_from(["CT", "C?", "*R", "??", "ct", "US", "*"]),
}
TEXT_KEYS = patterns([text for text in TEXTS if text]) | st.sampled_from([" A ", '""', "**"])
MODALITIES = st.lists(st.sampled_from(["CT", "MR", "PT", "US"]), min_size=1, max_size=2).map(
    ",".join
) | st.sampled_from(["C?", "*T", "MR\\CT"])


def value_of(keyword):
    if keyword == "ModalitiesInStudy":
        return MODALITIES
    return BY_VR.get(BY_KEYWORD[keyword].vr, TEXT_KEYS)


@st.composite
def searches(draw):
    level = draw(st.sampled_from(LEVELS))
    keywords = draw(
        st.lists(st.sampled_from(keywords_of(level)), min_size=1, max_size=3, unique=True)
    )
    return level, {keyword: draw(value_of(keyword)) for keyword in sorted(keywords)}


@st.composite
def requests(draw):
    """Both attributes of one item."""
    level = draw(st.sampled_from(LEVELS[1:]))
    few = patterns([text for text in TEXTS[:6] if text]) | st.just('""')
    return level, {keyword: draw(few) for keyword in sorted(ITEM_KEYWORDS)}


@st.composite
def spans(draw):
    """A date and its time, mostly as ranges of one form."""
    step = draw(st.booleans())
    names = ("PerformedProcedureStepStart", Level.SERIES) if step else ("Study", Level.STUDY)
    form = draw(st.sampled_from(["{}-{}", "{}-", "-{}"]))
    days, times = (st.tuples(*[st.sampled_from(values)] * 2) for values in (DAYS, CLOCK))
    first, second = form, draw(st.sampled_from([form, form, "{}"]))
    keys = (first.format(*draw(days)), second.format(*draw(times)))
    return names[1], dict(zip((f"{names[0]}Date", f"{names[0]}Time"), keys, strict=True))


OPTIONS = st.builds(Options, empty_values=st.booleans(), multiple_values=st.booleans())


@pytest.fixture
def viewer():
    user = get_user_model().objects.create_user("viewer")
    user.groups.add(Group.objects.get(name="radiologist"))
    return user


PARENTS = [(), (), ("1.2",), ("1.3", "1.3.0"), ("1.3", "1.4.0"), ("1.7",)]


def found(viewer, level, keys, options, parents=()):
    by_path = {BY_KEYWORD[keyword].path: value for keyword, value in keys.items()}
    search = query.search(viewer, level, by_path, parents=parents, options=options)
    return {pk for pk, _ in query.read_matches(search, [f"{ROWS[level]}.id"]).rows}


def is_below(row, parents):
    uids = (row["StudyInstanceUID"], row.get("SeriesInstanceUID"))
    return uids[: len(parents)] == parents


def test_a_search_finds_what_a_plain_reading_of_the_standard_finds(viewer, rows, seed):
    @settings(max_examples=250, deadline=None)
    @given(
        search=searches() | spans() | requests(), options=OPTIONS, parents=st.sampled_from(PARENTS)
    )
    def check(search, options, parents):
        level, keys = search
        parents = parents[: LEVELS.index(level)]
        expected = {
            pk
            for pk, row in rows[level].items()
            if is_below(row, parents) and matches(row, keys, options)
        }

        assert found(viewer, level, keys, options, parents) == expected, seed

    check()


def test_empty_values_of_every_key_are_found(viewer, rows, seed):
    options = Options(empty_values=True)
    for level in LEVELS:
        for keyword in keywords_of(level):
            keys = {keyword: '""'}
            expected = {pk for pk, row in rows[level].items() if matches(row, keys, options)}

            assert found(viewer, level, keys, options) == expected, (keyword, seed)


def test_any_pattern_of_a_name_finds_what_the_plain_reading_finds(viewer, rows, seed):
    @settings(max_examples=80, deadline=None)
    @given(value=st.text(alphabet="aeéMü*?^ .=\\[(,山", max_size=8))
    def check(value):
        keys = {"PatientName": value}
        expected = {pk for pk, row in rows[Level.STUDY].items() if matches(row, keys, Options())}

        assert found(viewer, Level.STUDY, keys, Options()) == expected, seed

    check()


def test_fuzzy_matching_finds_no_less_than_without_and_nothing_unlike(viewer, rows, seed):
    @settings(max_examples=60, deadline=None)
    @given(value=BY_VR["PN"].filter(bool))
    def check(value):
        keys = {"PatientName": value}
        exact, fuzzy = (
            found(viewer, Level.STUDY, keys, Options(fuzzy=is_fuzzy)) for is_fuzzy in (False, True)
        )

        assert exact <= fuzzy, seed
        for pk in fuzzy - exact:
            assert is_like(rows[Level.STUDY][pk]["PatientName"], value), seed

    check()


def is_like(name, value):
    """Whether each word asked for begins a word of the name or has three letters in common."""
    words = plain(name).split()
    asked = plain(re.sub(r"[*?]", " ", value)).split()
    return all(
        any(word.startswith(one) or trigrams(one) & trigrams(word) for word in words)
        for one in asked
    )


def trigrams(word):
    """As of pg_trgm: a beginning counts from its first letter on, and so does an end."""
    padded_parts = [f"  {part} " for part in re.findall(r"[^\W_]+", word)]
    return {part[at : at + 3] for part in padded_parts for at in range(len(part) - 2)}


def test_the_plain_reading_is_one_of_the_standard():
    """The model itself, on the examples that the standard gives."""
    assert in_span("20060706", "020000", "20060705-20060707", "1000-1800")
    assert not in_span("20060705", "090000", "20060705-20060707", "1000-1800")
    assert in_range("223000", "2230")
    assert like("A?C*", "ABC")
    assert not like("A?", "A")
    assert name_matches("Wang^XiaoDong=王^小東", "*王^小東*")
