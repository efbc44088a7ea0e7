"""The study list as a person meets it."""

import re

import pytest

from studies.models import Patient, Study
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db


def rows(response) -> list[str]:
    """MRNs in the order in which the page shows them."""
    return re.findall(r'data-label="MRN">([^<]*)<', response.content.decode())


@pytest.fixture
def three_studies():
    patient = Patient.objects.create()
    for number, modality in enumerate(["CT", "MR", "CT"], 1):
        Study.objects.create(
            patient_record=patient, study_instance_uid=f"1.{number}", patient_id=f"MRN-{number}",
            patient_name=f"Doe^J{number}", patient_name_folded=f"doe j{number}",
            accession_number=f"ACC-{number}", study_date=f"2024-01-0{number}",
            modalities_in_study=[modality], study_description=f"Study {number}",
        )  # fmt: skip


def test_the_newest_study_comes_first(client, three_studies):
    assert rows(client.get("/")) == ["MRN-3", "MRN-2", "MRN-1"]


def test_a_row_says_who_what_and_how_much(client, store):
    store(make_file())

    page = client.get("/").content.decode()

    for text in ("Jürgen Müller", "MRN-1", "ACC-1", "2024-01-05", "CT head", "Marie Curie"):
        assert text in page


def test_a_name_that_runs_from_right_to_left_cannot_turn_the_date_beside_it(client, store):
    store(make_file(PatientName="قباني^لنزار"))

    assert "<bdi>لنزار قباني</bdi>" in client.get("/").content.decode()


def test_a_name_with_markup_is_only_text(client, store):
    store(make_file(PatientName="<script>alert(1)</script>"))

    assert "<script>alert" not in client.get("/").content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [("patient_id", "mrn-2"), ("accession_number", "ACC-2"), ("patient_name", "j2")],
)
def test_a_search_for_a_patient_leaves_nothing_of_it_in_the_address(
    client, three_studies, field, value
):
    response = client.post("/", {field: value, "modality": "MR"}, follow=True)

    address = response.redirect_chain[-1][0]
    assert value not in address
    assert "modality=MR" in address
    assert rows(response) == ["MRN-2"]


def test_an_address_that_names_a_patient_is_replaced(client, three_studies):
    response = client.get("/?patient_id=MRN-3", follow=True)

    assert "MRN" not in response.redirect_chain[-1][0]
    assert rows(response) == ["MRN-3"]


def test_the_form_shows_again_what_was_searched(client, three_studies):
    page = client.post("/", {"patient_name": "j2"}, follow=True).content.decode()

    assert 'value="j2"' in page


def test_a_search_of_another_session_is_not_everything(client, sign_in, three_studies):
    address = client.post("/", {"patient_id": "MRN-2"})["Location"]

    response = sign_in("clinician").get(address, follow=True)

    assert "another session" in response.content.decode()


def test_filters_that_name_nobody_stand_in_the_address(client, three_studies):
    response = client.get("/?modality=CT&date_from=2024-01-02&study_description=study")

    assert rows(response) == ["MRN-3"]


def test_a_filter_that_cannot_be_understood_is_marked_and_finds_nothing(client, three_studies):
    response = client.get("/?date_from=tomorrow")

    assert rows(response) == []
    assert "Enter a valid date" in response.content.decode()


def test_no_match_says_what_to_do(client, three_studies):
    page = client.get("/?study_description=nothing").content.decode()

    assert "No study matches" in page


def test_an_empty_archive_says_so(client):
    assert "The archive is empty" in client.get("/").content.decode()


def test_a_role_without_studies_sees_none_and_is_told(sign_in, three_studies):
    response = sign_in("operator").get("/")

    assert rows(response) == []
    assert "Your role shows no studies" in response.content.decode()


def test_columns_sort_and_say_in_which_direction(client, three_studies):
    response = client.get("/?sort=mrn")

    assert rows(response) == ["MRN-1", "MRN-2", "MRN-3"]
    assert 'aria-sort="ascending"' in response.content.decode()


def test_an_unknown_order_is_the_usual_one(client, three_studies):
    assert rows(client.get("/?sort=password&size=-3&after=x")) == ["MRN-3", "MRN-2", "MRN-1"]


def test_pages_are_reached_in_both_directions_and_keep_the_search(client):
    patient = Patient.objects.create()
    for number in range(60):
        Study.objects.create(
            patient_record=patient, study_instance_uid=f"1.{number}", patient_id=f"{number:02}",
            modalities_in_study=["CT"],
        )  # fmt: skip

    first = client.get("/?modality=CT&sort=mrn")
    following = re.search(r'href="([^"]*)" rel="next"', first.content.decode())[1]
    second = client.get("/" + following.replace("&amp;", "&"))
    last = re.search(r'href="([^"]*)" rel="last"', first.content.decode())[1]
    end = client.get("/" + last.replace("&amp;", "&"))

    back = re.search(r'href="([^"]*)" rel="prev"', second.content.decode())[1]

    assert rows(client.get("/" + back.replace("&amp;", "&"))) == rows(first)
    assert rows(first) == [f"{n:02}" for n in range(25)]
    assert rows(second) == [f"{n:02}" for n in range(25, 50)]
    assert rows(end) == [f"{n:02}" for n in range(35, 60)]
    assert "modality=CT" in following


@pytest.mark.parametrize("size", [25, 50, 100])
def test_a_page_has_as_many_rows_as_were_chosen(client, size):
    patient = Patient.objects.create()
    for number in range(120):
        Study.objects.create(patient_record=patient, study_instance_uid=f"1.{number}")

    page = client.get("/", {"size": size})

    assert len(rows(page)) == size
    assert f'<option value="{size}" selected>' in page.content.decode()


def test_a_page_that_lies_beyond_the_edge_leads_to_the_first(client, three_studies):
    last = Study.objects.get(study_instance_uid="1.1")

    response = client.get(f"/?modality=CT&after={last.pk}", follow=True)

    assert response.redirect_chain == [("/?modality=CT", 302)]
    assert rows(response) == ["MRN-3", "MRN-1"]


def test_the_last_day_of_the_calendar_is_a_date_like_others(client, three_studies):
    assert len(rows(client.get("/?date_to=9999-12-31"))) == 3


def test_a_modality_that_is_not_at_hand_is_found_all_the_same(client, three_studies):
    Study.objects.filter(study_instance_uid="1.2").update(modalities_in_study=["SMR"])

    response = client.get("/?modality=SMR")

    assert rows(response) == ["MRN-2"]
    assert re.search(r'value="SMR"[^>]*checked', response.content.decode())
    assert 'value="SMR"' not in client.get("/").content.decode()
    assert "cannot be carried out" in client.get("/?modality=not+a+code").content.decode()


@pytest.mark.parametrize(("modality", "is_open"), [("SEG", True), ("CT", False)])
def test_modalities_behind_more_are_in_view_while_one_is_chosen(client, modality, is_open):
    page = client.get(f"/?modality={modality}").content.decode()

    assert bool(re.search(r'<details class="more-choices"\s+open>', page)) is is_open


def test_the_count_is_of_the_search_and_not_of_the_page(client, three_studies):
    page = client.get("/?modality=CT").content.decode()

    assert re.search(r"<strong>2</strong>\s+studies", page)


@pytest.mark.parametrize(
    "path", ["/", "/studies/1.2.3/", "/studies/1.2.3/view/", "/api/studies/", "/dicom-web/studies"]
)
def test_a_page_with_patient_data_is_not_kept_by_caches(client, store, path):
    store(make_file())

    assert "no-store" in client.get(path)["Cache-Control"]


# --- The study's page ------------------------------------------------------------------------------


def test_a_study_page_shows_patient_series_and_the_way_to_the_images(client, store):
    store(make_file())

    page = client.get("/studies/1.2.3/").content.decode()

    for text in ("Jürgen Müller", "HOSPITAL", "1970-01-02", "Axial", "/studies/1.2.3/view/"):
        assert text in page
    assert "/dicom-web/studies/1.2.3/series/1.2.3.9/thumbnail" in page


def test_a_study_page_lists_the_other_studies_of_this_patient_only(client, store):
    store(make_file())
    store(make_file(StudyInstanceUID="2.1", SeriesInstanceUID="2.2", SOPInstanceUID="2.3"))
    store(
        make_file(
            StudyInstanceUID="3.1", SeriesInstanceUID="3.2", SOPInstanceUID="3.3",
            IssuerOfPatientID="ELSEWHERE",
        )
    )  # fmt: skip

    page = client.get("/studies/1.2.3/").content.decode()

    assert "/studies/2.1/" in page
    assert "/studies/3.1/" not in page


def test_the_viewer_page_names_its_study_for_the_script(client, store):
    store(make_file())

    page = client.get("/studies/1.2.3/view/").content.decode()

    assert 'data-study-instance-uid="1.2.3"' in page


@pytest.mark.parametrize("path", ["/studies/9.9/", "/studies/9.9/view/", "/studies/x/"])
def test_a_study_that_is_not_there_is_not_found(client, path):
    assert client.get(path).status_code == 404
