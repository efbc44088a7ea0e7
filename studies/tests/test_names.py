"""Person names, and the form in which they are searched."""

import sys
import unicodedata

import pytest
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings

from studies.dicom.names import PersonName, fold, readable


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        pytest.param("Müller^Jürgen", "muller jurgen", id="umlauts"),
        pytest.param("MÜLLER", "muller", id="capitals"),
        pytest.param("Mu\u0308ller", "muller", id="combining marks"),
        pytest.param("Groß", "gross", id="sharp s"),
        pytest.param("GROẞ", "gross", id="capital sharp s"),
        pytest.param("IŞIK^İbrahim", "isik ibrahim", id="Turkish, dotted capital I"),
        pytest.param("ışık", "isik", id="Turkish, dotless i"),
        pytest.param("Søren^Kierkegård", "soren kierkegard", id="Danish"),
        pytest.param("Łukasz^Żółć", "lukasz zolc", id="Polish"),
        pytest.param("Þórður^Ægir", "thordur aegir", id="Icelandic"),
        pytest.param("Cœur", "coeur", id="ligature"),
        pytest.param("Đặng^Thị^Hương", "dang thi huong", id="Vietnamese"),
        pytest.param("ПУШКИН^Алексей", "пушкин алексеи", id="Cyrillic"),
        pytest.param("ΣΊΣΥΦΟΣ", "σισυφοσ", id="Greek, final sigma"),
        pytest.param("ﾔﾏﾀﾞ^ﾀﾛｳ", fold("ヤマダ^タロウ"), id="Japanese, half width"),
        pytest.param("Ｙａｍａｄａ", "yamada", id="full width"),  # noqa: RUF001
        pytest.param("山田^太郎", "山田 太郎", id="ideographs"),
        pytest.param("김^희중", "김 희중", id="Korean"),
        pytest.param("شَرون", "شرون", id="Arabic vowel signs"),
        pytest.param("Doe, Jane", "doe jane", id="comma"),
        pytest.param("  Doe^^^Dr.^ ", "doe dr.", id="empty components"),
        pytest.param("ᴬnna", "anna", id="modifier letter that becomes a capital"),
        pytest.param("O'Neil-Smith", "o'neil-smith", id="signs inside of words"),
        pytest.param("", "", id="empty"),
    ],
)
def test_names_are_compared_without_case_accents_and_separators(text, folded):
    assert fold(text) == folded


def test_every_character_is_folded_to_something_that_stays_so():
    characters = map(chr, range(sys.maxunicode + 1))

    assert [c for c in characters if fold(fold(c)) != fold(c)] == []


@hypothesis_settings(max_examples=200, deadline=None, derandomize=True)
@given(text=strategies.text(max_size=30))
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)


@hypothesis_settings(max_examples=200, deadline=None, derandomize=True)
@given(text=strategies.text(max_size=30))
def test_however_a_name_is_normalised_it_folds_alike(text):
    forms = {fold(unicodedata.normalize(form, text)) for form in ("NFC", "NFD", "NFKC", "NFKD")}

    assert forms == {fold(text)}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("Doe^Jane", PersonName("Doe^Jane"), id="one group"),
        pytest.param("Doe^Jane^^^", PersonName("Doe^Jane"), id="trailing separators"),
        pytest.param("^^^^", PersonName(), id="separators only"),
        pytest.param(" Doe^Jane ", PersonName("Doe^Jane"), id="padded"),
        pytest.param("A=B=C", PersonName("A", "B", "C"), id="three groups"),
        pytest.param("=B", PersonName("", "B"), id="ideographic only"),
        pytest.param("==C", PersonName("", "", "C"), id="phonetic only"),
        pytest.param("A=B=C=D=E", PersonName("A", "B", "C"), id="more groups than there are"),
        pytest.param("", PersonName(), id="empty"),
    ],
)
def test_a_name_has_up_to_three_groups(text, name):
    assert PersonName.from_text(text) == name


@pytest.mark.parametrize("text", ["A=B=C", "A", "=B", "==C", "A==C", ""])
def test_a_name_is_written_as_it_was_read(text):
    assert str(PersonName.from_text(text)) == text


def test_groups_are_named_in_json_where_they_are_present():
    name = PersonName.from_text("Yamada^Tarou==やまだ^たろう")

    assert name.as_json() == {"Alphabetic": "Yamada^Tarou", "Phonetic": "やまだ^たろう"}


def test_a_folded_name_fits_in_an_entry_of_the_index():
    name = PersonName("\U00020000" * 300, "\U00020001" * 300, "\U00020002" * 300)

    assert len(name.folded.encode()) < 2500


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("Doe^Jane^Ann^Dr^MD", "Dr Jane Ann Doe, MD", id="all five, PS3.5 6.2.1"),
        pytest.param("Doe^Jane", "Jane Doe", id="family and given"),
        pytest.param("Doe", "Doe", id="family"),
        pytest.param("Doe^^^Prof.", "Prof. Doe", id="prefix"),
        pytest.param("^Jane", "Jane", id="given"),
        pytest.param("A^B^C^D^E^F", "D B C A, E", id="more components than there are"),
        pytest.param("", "", id="empty"),
    ],
)
def test_a_name_is_shown_as_people_write_it(name, text):
    assert readable(name) == text
