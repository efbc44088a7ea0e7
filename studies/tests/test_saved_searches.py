"""Searches by name, and the list as each person wants it."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils import timezone

from studies import saved_searches
from studies.errors import InvalidQueryError, NotFoundError, NotPermittedError
from studies.models import ListPreference, Patient, SavedSearch, Study
from studies.portal.columns import USUAL, moved

pytestmark = pytest.mark.django_db


def person(name, role="radiologist"):
    user = get_user_model().objects.create_user(name)
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def me(client):
    return get_user_model().objects.get(username="radiologist-1")


@pytest.fixture
def studies(db):
    patient = Patient.objects.create()
    for number, columns in enumerate(
        [
            {"study_date": timezone.localdate(), "patient_name_folded": "doe"},
            {
                "study_date": "2001-01-01",
                "patient_name_folded": "roe",
                "modalities_in_study": ["CT"],
            },
        ]
    ):
        Study.objects.create(
            patient_record=patient,
            study_instance_uid=f"1.{number}",
            patient_id=f"MRN-{number}",
            **columns,
        )


def rows(response) -> list[str]:
    return re.findall(r'data-label="MRN">([^<]*)<', response.content.decode())


# --- The search box ------------------------------------------------------------------------------


def test_the_search_box_shows_how_it_read_each_word_and_puts_none_into_the_address(client, studies):
    response = client.post("/", {"text": "ct roe"}, follow=True)

    page = response.content.decode()
    assert rows(response) == ["MRN-1"]
    assert "<bdi>modality: CT</bdi>" in page
    assert "<bdi>MRN, accession number or name: roe</bdi>" in page
    assert "roe" not in response.redirect_chain[-1][0]


def test_a_word_is_taken_away_by_its_chip(client, studies):
    response = client.post("/", {"text": "ct doe", "remove": "0"}, follow=True)

    assert rows(response) == ["MRN-0"]
    assert 'value="doe"' in response.content.decode()


def test_the_last_word_taken_away_leaves_all_studies(client, studies):
    assert len(rows(client.post("/", {"text": "doe", "remove": "0"}, follow=True))) == 2


def test_too_many_words_are_marked_at_the_box(client, studies):
    page = client.post("/", {"text": "a " * 13}, follow=True).content.decode()

    assert "Search for at most 12 words." in page


# --- Saved searches ------------------------------------------------------------------------------


def test_a_saved_search_finds_the_same_again_and_its_address_names_nobody(client, studies):
    found = client.post("/", {"text": "roe", "modality": "CT"}, follow=True)
    token = re.search(r"q=([\w-]+)", found.redirect_chain[-1][0])[1]

    response = client.post(
        "/list/searches/", {"name": "Roe", "q": token, "modality": "CT"}, follow=True
    )

    saved = SavedSearch.objects.get(name="Roe")
    assert saved.parameters == {"text": ["roe"], "modality": ["CT"]}
    assert response.redirect_chain[-1][0] == f"/?saved={saved.pk}"
    assert rows(response) == ["MRN-1"]


def test_a_date_word_of_a_saved_search_means_the_day_on_which_it_is_asked(client, me, studies):
    saved = saved_searches.save(me, "Today", {"text": ["today"]})

    assert rows(client.get(f"/?saved={saved.pk}")) == ["MRN-0"]


def test_the_same_name_replaces_a_search(me):
    saved_searches.save(me, "Mine", {"modality": ["CT"]})
    saved_searches.save(me, " Mine ", {"modality": ["MR"], "csrf": ["x"], "page": ["3"]})

    assert [s.parameters for s in SavedSearch.objects.filter(owner=me)] == [{"modality": ["MR"]}]


def test_my_worklist_comes_with_the_portal(client, me, studies):
    Study.objects.filter(study_instance_uid="1.1").update(assigned_to=me)
    built_in = SavedSearch.objects.get(owner=None)

    assert (built_in.name, rows(client.get(f"/?saved={built_in.pk}"))) == ("My worklist", ["MRN-1"])


def test_a_search_shared_with_a_role_is_found_by_its_people_only(me):
    shared = saved_searches.save(me, "CT of today", {"text": ["ct today"]}, role="radiologist")

    assert shared in saved_searches.searches_of(person("colleague"))
    with pytest.raises(NotFoundError):
        saved_searches.find(person("other", "clinician"), shared.pk)


def test_a_search_is_found_by_nobody_but_its_owner_unless_shared(me):
    own = saved_searches.save(me, "Own", {"patient_name": ["roe"]})

    with pytest.raises(NotFoundError):
        saved_searches.find(person("colleague"), own.pk)


@pytest.mark.parametrize(
    "parameters",
    [
        {"patient_name": ["roe"]}, {"patient_id": ["1"]}, {"accession_number": ["1"]},
        {"text": ["today roe"]}, {"text": ["mrn:1"]}, {"study_description": ["roe"]},
    ],
)  # fmt: skip
def test_a_search_that_may_name_a_patient_is_not_shared(me, parameters):
    with pytest.raises(NotPermittedError, match="names no patient"):
        saved_searches.save(me, "Theirs", parameters, role="radiologist")


def test_a_search_is_not_shared_with_a_role_of_others(me):
    with pytest.raises(NotPermittedError, match="a role that you have"):
        saved_searches.save(me, "Theirs", {"modality": ["CT"]}, role="administrator")


@pytest.mark.parametrize(("name", "parameters"), [("", {"modality": ["CT"]}), ("x", {}), ("x" * 61, {"text": ["ct"]})])  # fmt: skip
def test_a_search_without_a_name_or_a_question_is_refused(me, name, parameters):
    with pytest.raises(InvalidQueryError):
        saved_searches.save(me, name, parameters)


def test_a_person_keeps_so_many_searches_and_no_more(me, monkeypatch):
    monkeypatch.setattr(saved_searches, "MAX_SEARCHES", 1)
    saved_searches.save(me, "One", {"modality": ["CT"]})

    saved_searches.save(me, "One", {"modality": ["MR"]})
    with pytest.raises(InvalidQueryError, match="delete one first"):
        saved_searches.save(me, "Two", {"modality": ["CT"]})


def test_only_the_owner_deletes_a_search(client, me):
    shared = saved_searches.save(person("colleague"), "CT", {"text": ["ct"]}, role="radiologist")
    own = saved_searches.save(me, "Own", {"text": ["ct"]})

    for search in (shared, own):
        client.post("/list/searches/", {"delete": search.pk})

    assert list(SavedSearch.objects.exclude(owner=None)) == [shared]


def test_the_list_begins_with_the_search_that_was_chosen_until_all_is_asked_for(
    client, me, studies
):
    saved = saved_searches.save(me, "CT", {"modality": ["CT"]})
    client.post("/list/searches/", {"default": saved.pk})

    assert rows(client.get("/", follow=True)) == ["MRN-1"]
    assert len(rows(client.get("/?all=1"))) == 2

    saved_searches.delete(me, saved.pk)
    assert len(rows(client.get("/", follow=True))) == 2


def test_a_search_that_is_not_there_any_more_leads_to_all_studies_and_says_so(client, studies):
    response = client.get("/?saved=99999", follow=True)

    assert len(rows(response)) == 2
    assert "not there any more" in response.content.decode()


# --- Columns -------------------------------------------------------------------------------------


def heads(page) -> list[str]:
    table = page.content.decode().split('<table class="table')[1]
    return [text.strip() for text in re.findall(r"<th scope[^>]*>\s*(?:<a[^>]*>)?([^<]*)", table)][
        1:
    ]


def test_columns_are_shown_in_the_order_that_a_person_keeps(client, studies):
    client.post(
        "/list/preference/", {"column": ["mrn", "patient", "received"], "density": "compact"}
    )

    page = client.get("/?all=1")

    assert heads(page) == ["MRN", "Patient", "Received"]
    assert 'class="table compact"' in page.content.decode()


def test_columns_are_moved_by_their_buttons(client, studies):
    client.post("/list/preference/", {"column": ["date", "patient", "mrn"], "left": "mrn"})

    assert heads(client.get("/")) == ["Date", "MRN", "Patient"]


@pytest.mark.parametrize(
    ("name", "step", "order"),
    [("a", -1, "abc"), ("a", 1, "bac"), ("c", -1, "acb"), ("c", 1, "abc"), ("x", 1, "abc")],
)
def test_a_column_moves_by_one_place_and_not_beyond_the_edge(name, step, order):
    assert moved("abc", name, step) == list(order)


def test_a_list_keeps_the_way_to_its_studies_and_nothing_unknown(client, me, studies):
    client.post(
        "/list/preference/", {"column": ["mrn", "password"], "page_size": "7", "density": "?"}
    )

    kept = ListPreference.objects.get(user=me)
    assert (kept.columns, kept.page_size, kept.density) == (["patient", "mrn"], None, "comfortable")


def test_the_usual_columns_come_back(client, me, studies):
    client.post("/list/preference/", {"column": ["mrn"]})
    client.post("/list/preference/", {"column": ["mrn"], "usual": "yes"})

    assert ListPreference.objects.get(user=me).columns == USUAL


def test_the_page_size_of_a_person_holds_unless_the_address_says_another(client, me, studies):
    client.post("/list/preference/", {"column": USUAL, "page_size": "50"})

    assert '<option value="50" selected>' in client.get("/?all=1").content.decode()
    assert '<option value="100" selected>' in client.get("/?size=100").content.decode()
