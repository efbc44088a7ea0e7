"""The report as PDF, read back."""

import io

import pypdf
import pytest

from studies.tests.builders import make_file
from studies.tests.test_reports import REPORT, TEXT, add, save, sign

pytestmark = pytest.mark.django_db
PDF = f"{REPORT}pdf/"


@pytest.fixture
def study(store):
    store(make_file())


def pages(client) -> list[str]:
    """The text of each page."""
    answer = client.get(PDF)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(answer.content)).pages]


def test_it_names_the_patient_the_study_the_author_and_the_time(client, study):
    signed = sign(client, **TEXT).json()

    (page,) = pages(client)

    for text in (
        "Jürgen Müller", "MRN-1 (HOSPITAL)", "born 1970-01-02", "sex M", "CT head", "2024-01-05",
        "accession ACC-1", "Marie Curie", *TEXT.values(), "Page 1 of 1",
        f"Signed by radiologist-1, {signed['signed_at'][:16].replace('T', ' ')} UTC",
    ):  # fmt: skip
        assert text in page, text
    assert "DRAFT" not in page


def test_a_draft_says_on_every_page_that_it_is_one_and_whose(client, study):
    save(client, findings="\n".join(f"Line {number}" for number in range(200)))

    found = pages(client)

    assert len(found) > 2
    for number, page in enumerate(found, 1):
        assert "DRAFT" in page
        assert "Jürgen Müller" in page
        assert f"Page {number} of {len(found)}" in page
    assert "Line 199" in "".join(found)
    assert "radiologist-1 saved it last" in found[-1]


def test_addenda_follow_with_their_own_signature(client, study):
    sign(client, **TEXT)
    add(client, text="A second look.")

    (page,) = pages(client)

    assert page.index("Likely benign.") < page.index("Addendum 1") < page.index("A second look.")
    assert page.count("Signed by radiologist-1") == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("<b>bold</b> & <img src='file:///etc/passwd'/>", None, id="markup"),
        pytest.param("</para><para>", None, id="markup of paragraphs"),
        pytest.param("&#0; &unknown; %(x)s {0}", None, id="entities and formats"),
        pytest.param("tab\tend", "tab end", id="a tab"),
        pytest.param("Größe 3 µm, Ελληνικά, Русский, Tiếng Việt", None, id="letters of Europe"),
        pytest.param("山田太郎 やまだ 한국어", None, id="East Asian letters"),
        pytest.param("before عربي after", "before ���� after", id="right to left"),
        pytest.param("heart 🫀 end", "heart � end", id="a letter that no font has"),
    ],
)
def test_whatever_stands_in_the_text_is_only_text(client, study, text, shown):
    sign(client, findings=text)

    page = "\n".join(pages(client))

    assert (shown or text) in page
    assert ("cannot be printed here" in page) is ("�" in page)


def test_a_word_as_long_as_a_section_may_be_is_broken_and_whole(client, study):
    sign(client, findings="W" * 20_000)

    assert "".join(pages(client)).count("W") >= 20_000


def test_the_longest_of_patients_names_leaves_room_for_the_text(client, store):
    store(
        make_file(
            PatientName="^".join(["Name" * 15] * 4), PatientID="9" * 64, StudyDescription="d" * 64,
            AccessionNumber="A" * 16, ReferringPhysicianName="^".join(["Phys" * 15] * 4),
        )
    )  # fmt: skip
    sign(client, findings="The text")

    text = "\n".join(pages(client))

    assert text.replace("\n", "").count("Name") == 60
    assert "The text" in text


def test_no_patient_data_stand_in_its_address_or_name(client, study):
    sign(client, **TEXT)

    answer = client.get(PDF)

    assert answer["Content-Disposition"] == 'inline; filename="report.pdf"'
    assert "no-store" in answer["Cache-Control"]


def test_a_study_without_a_report_has_no_pdf(client, study):
    assert client.get(PDF).status_code == 404
