"""Lists as CSV and XLSX: whole, readable, and harmless in a spreadsheet."""

import csv
import io
import re
import zipfile
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.acts import acted
from studies import exporting
from studies.models import Patient, Study

pytestmark = pytest.mark.django_db
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "\uff1d1",
    '=HYPERLINK("http://x")',
]
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture
def two_studies(db):
    patient = Patient.objects.create()
    Study.objects.create(
        patient_record=patient, study_instance_uid="1.1", patient_name="Müller^Jürgen",
        patient_name_ideographic="山田^太郎", patient_id='=cmd|"/c calc"!A1', study_date="2024-02-03",
        modalities_in_study=["CT", "SR"], number_of_study_related_instances=3,
    )  # fmt: skip
    Study.objects.create(patient_record=patient, study_instance_uid="1.2", patient_id='a"b,\nc')


def lines_of(response) -> list[dict[str, str]]:
    text = b"".join(response).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_all_studies_of_a_search_are_in_the_file_under_their_heads(client, two_studies):
    response = client.get("/list/export.csv?sort=mrn")

    lines = lines_of(response)
    assert [line["Study Instance UID"] for line in lines] == ["1.1", "1.2"]
    assert lines[0]["Patient name"] == "Müller^Jürgen"
    assert lines[0]["Patient name (ideographic)"] == "山田^太郎"
    assert (lines[0]["Modalities"], lines[0]["Instances"]) == ("CT SR", "3")
    assert lines[1]["Patient ID"] == 'a"b,\nc'
    assert re.fullmatch(
        r'attachment; filename="studies-\d{8}-\d{6}\.csv"', response["Content-Disposition"]
    )
    assert (
        response["Cache-Control"].startswith("max-age=0") or "no-store" in response["Cache-Control"]
    )


def test_a_filter_holds_for_the_file_too(client, two_studies):
    assert [
        s["Study Instance UID"] for s in lines_of(client.get("/list/export.csv?modality=CT"))
    ] == ["1.1"]


def test_a_file_is_read_in_pages_and_none_is_left_out(client, two_studies, monkeypatch):
    monkeypatch.setattr(exporting, "_PAGE", 1)

    assert len(lines_of(client.get("/list/export.csv"))) == 2


def test_a_file_ends_at_the_limit(client, two_studies, monkeypatch):
    monkeypatch.setattr(exporting, "_PAGE", 1)
    monkeypatch.setattr(exporting, "MAX_ROWS", 1)

    assert len(lines_of(client.get("/list/export.csv"))) == 1


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_of_a_csv_begins_like_a_formula(text):
    assert exporting.harmless(text) == f"'{text}"


@given(st.text())
def test_a_text_stays_what_it_was_but_for_an_apostrophe(text):
    said = exporting.harmless(text)

    assert said in (text, f"'{text}")
    assert not said.lstrip(" \u00a0").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_what_is_written_as_csv_is_read_again(texts):
    content = b"".join(exporting.as_csv([texts])).decode("utf-8-sig")

    _, line = csv.reader(io.StringIO(content, newline=""))
    assert [value.removeprefix("'") for value in line] == [text.removeprefix("'") for text in texts]


def test_every_text_of_an_xlsx_is_text(client, two_studies):
    response = client.get("/list/export.xlsx?sort=mrn")

    with zipfile.ZipFile(io.BytesIO(b"".join(response))) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    kinds = {cell.get("r"): cell.get("t") for cell in sheet.iter(f"{SHEET}c")}
    texts = ["".join(t.itertext()) for t in sheet.iter(f"{SHEET}is")]
    assert not list(sheet.iter(f"{SHEET}f"))
    assert '=cmd|"/c calc"!A1' in texts
    assert (kinds["H2"], kinds["T2"]) == ("inlineStr", None)


def test_an_export_is_told_with_what_was_searched_or_chosen(client, two_studies):
    acts = []

    def listen(sender, act, **_):
        acts.append((act.action, act.what, dict(act.detail), act.study_uids))

    acted.connect(listen)
    try:
        client.get("/list/export.csv?modality=CT")
        client.post("/list/chosen.xlsx", {"study": ["1.1", "9.9"]}).close()
    finally:
        acted.disconnect(listen)

    assert acts == [
        ("export", "list downloaded", {"modality": "['CT']", "form": "csv", "rows": "1"}, ()),
        ("export", "list downloaded", {"form": "xlsx"}, ["1.1"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("role", "status"),
    [("radiologist", 200), ("data steward", 200), ("administrator", 200), ("clinician", 404),
     ("technologist", 404), ("operator", 404)],
)  # fmt: skip
def test_only_certain_roles_take_lists_out(sign_in, two_studies, role, status):
    client = sign_in(role)

    assert client.get("/list/export.csv").status_code == status
    assert client.post("/list/chosen.csv", {"study": "1.1"}).status_code == status


def test_a_form_that_is_not_made_is_not_found(client):
    assert client.get("/list/export.pdf").status_code == 404


def test_a_search_that_cannot_be_carried_out_makes_no_file(client):
    assert client.get("/list/export.csv?date_from=x").status_code == 302
