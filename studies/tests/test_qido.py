"""QIDO-RS as clients see it (PS3.18 10.6)."""

import gzip
import json
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from studies import query
from studies.dicom.attributes import ATTRIBUTES, Level
from studies.dicom.xml_model import dataset_from_xml
from studies.dicomweb import search
from studies.models import Instance, StoredObject, Study
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

STUDIES, SERIES, INSTANCES = (f"/dicom-web/{name}" for name in ("studies", "series", "instances"))
OF_STUDY = f"{STUDIES}/1.2.3"
OF_SERIES = f"{OF_STUDY}/series/1.2.3.9"
RESOURCES = {
    Level.STUDY: STUDIES,
    Level.SERIES: SERIES,
    Level.INSTANCE: INSTANCES,
}
XML = 'multipart/related; type="application/dicom+xml"'


@pytest.fixture
def whole(store):
    """One instance with a value of every attribute that a search has to match."""
    request = Dataset()
    request.RequestedProcedureID, request.ScheduledProcedureStepID = "RP-1", "SPS-1"
    store(
        make_file(
            RequestAttributesSequence=[request],
            TimezoneOffsetFromUTC="+0100",
            PerformedProcedureStepStartDate="20240105",
            PerformedProcedureStepStartTime="1016",
            NumberOfFrames="1",
            ProtocolName="Head routine",
        )
    )


def store_studies(store, *suffixes, **attributes):
    for suffix in suffixes:
        store(
            make_file(
                StudyInstanceUID=f"1.5.{suffix}", SeriesInstanceUID=f"1.6.{suffix}",
                SOPInstanceUID=f"1.7.{suffix}", **attributes,
            )
        )  # fmt: skip


def found(client, resource, **keys):
    response = client.get(resource, keys)
    assert response.status_code == 200, response.content
    return response.json()


def study_uids(client, **keys):
    return [study["0020000D"]["Value"][0] for study in found(client, STUDIES, **keys)]


# --- Required keys (PS3.18 Table 10.6.1-5) -------------------------------------------------------

STUDY_KEYS = {
    "StudyDate": ("00080020", "20240105", "20240106"),
    "StudyTime": ("00080030", "1015", "1016"),
    "AccessionNumber": ("00080050", "ACC-1", "ACC-2"),
    "ModalitiesInStudy": ("00080061", "CT", "MR"),
    "ReferringPhysicianName": ("00080090", "curie^marie", "curie^pierre"),
    "PatientName": ("00100010", "muller^jurgen", "muller^hans"),
    "PatientID": ("00100020", "MRN-1", "MRN-2"),
    "StudyInstanceUID": ("0020000D", "1.2.3", "1.2.4"),
    "StudyID": ("00200010", "1", "2"),
}
SERIES_KEYS = {
    "Modality": ("00080060", "CT", "MR"),
    "SeriesInstanceUID": ("0020000E", "1.2.3.9", "1.2.3.8"),
    "SeriesNumber": ("00200011", "1", "2"),
    "PerformedProcedureStepStartDate": ("00400244", "20240105", "20240104"),
    "PerformedProcedureStepStartTime": ("00400245", "1000-1030", "1030-"),
    "RequestAttributesSequence.ScheduledProcedureStepID": ("00400275.00400009", "SPS-1", "SPS-2"),
    "RequestAttributesSequence.RequestedProcedureID": ("00400275.00401001", "RP-1", "RP-2"),
}
INSTANCE_KEYS = {
    "SOPClassUID": ("00080016", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"),
    "SOPInstanceUID": ("00080018", "1.2.3.4", "1.2.3.5"),
    "InstanceNumber": ("00200013", "1", "2"),
}
KEYS_OF = {
    STUDIES: STUDY_KEYS,
    SERIES: STUDY_KEYS | SERIES_KEYS,
    INSTANCES: STUDY_KEYS | SERIES_KEYS | INSTANCE_KEYS,
    f"{OF_STUDY}/series": SERIES_KEYS,
    f"{OF_STUDY}/instances": SERIES_KEYS | INSTANCE_KEYS,
    f"{OF_SERIES}/instances": INSTANCE_KEYS,
}
REQUIRED = [
    pytest.param(resource, name, hit, miss, id=f"{resource.removeprefix('/dicom-web/')}: {name}")
    for resource, keys in KEYS_OF.items()
    for keyword, (tag, hit, miss) in keys.items()
    for name in (keyword, tag)
]


@pytest.mark.parametrize(("resource", "name", "hit", "miss"), REQUIRED)
def test_a_required_key_matches(client, whole, resource, name, hit, miss):
    assert len(found(client, resource, **{name: hit})) == 1
    assert found(client, resource, **{name: miss}) == []


@pytest.mark.parametrize(
    "name",
    ["RequestAttributesSequence.00401001", "00400275.RequestedProcedureID", "00400275.00401001"],
)
def test_a_path_may_mix_keywords_and_tags(client, whole, name):
    assert len(found(client, SERIES, **{name: "RP-?"})) == 1


def store_requests(store, number, *ids):
    """A series that answers requests, each a pair of step and procedure."""
    requests = []
    for step, procedure in ids:
        request = Dataset()
        if step:
            request.ScheduledProcedureStepID = step
        request.RequestedProcedureID = procedure
        requests.append(request)
    store_studies(store, number, RequestAttributesSequence=requests)


STEP, PROCEDURE = "00400275.00400009", "00400275.00401001"


@pytest.mark.parametrize(
    ("keys", "numbers"),
    [
        pytest.param({PROCEDURE: "RP-2"}, [1], id="the second item"),
        pytest.param({PROCEDURE: "RP-?"}, [2, 1], id="any item"),
        pytest.param({STEP: "SPS-2", PROCEDURE: "RP-2"}, [1], id="both in one item"),
        pytest.param({STEP: "SPS-1", PROCEDURE: "RP-2"}, [], id="each in another item"),
        pytest.param({STEP: "*1", PROCEDURE: "RP-?"}, [2, 1], id="wildcards in one item"),
        pytest.param({STEP: "*1", PROCEDURE: "*2"}, [], id="wildcards, each in another item"),
        pytest.param({STEP: '""', PROCEDURE: "RP-3"}, [1], id="one without a value"),
        pytest.param({STEP: '""', PROCEDURE: "RP-1"}, [], id="an item without it is another"),
        pytest.param({PROCEDURE: '""'}, [3], id="no item"),
    ],
)
def test_keys_of_a_sequence_match_in_the_same_item(client, store, keys, numbers):
    store_requests(store, 1, ("SPS-1", "RP-1"), ("SPS-2", "RP-2"), (None, "RP-3"))
    store_requests(store, 2, ("SPS-1", "RP-1"))
    store_requests(store, 3)

    series = found(client, SERIES, emptyvaluematching="true", **keys)

    assert [one["0020000E"]["Value"] for one in series] == [[f"1.6.{n}"] for n in numbers]


@pytest.mark.parametrize("text", ['a"b', "a'b", "(a)$", "a@b", "${x}", "ä", "\U0001f600", "a/b"])
def test_any_letter_may_be_in_an_item(client, store, text):
    store_requests(store, 1, (None, text))

    for pattern in (text, f"{text[0]}*", f"{text[:-1]}?"):
        assert len(found(client, SERIES, **{PROCEDURE: pattern})) == 1, pattern
    assert found(client, SERIES, **{PROCEDURE: text[:-1] or "x"}) == []


@pytest.mark.parametrize("name", ["0020000d", "0020000D"])
def test_the_digits_of_a_tag_may_be_small(client, whole, name):
    assert len(found(client, STUDIES, **{name: "1.2.3"})) == 1


@pytest.mark.parametrize("resource", [SERIES, f"{OF_STUDY}/series", f"{OF_SERIES}/instances"])
def test_the_key_of_a_lower_level_of_the_path_narrows_the_search(client, whole, resource):
    assert len(found(client, resource, StudyInstanceUID="1.2.3")) == 1
    assert found(client, resource, StudyInstanceUID="1.2.4") == []


def test_the_character_set_of_a_query_is_not_matched(client, whole):
    assert len(found(client, STUDIES, SpecificCharacterSet="ISO_IR 100")) == 1


# --- Options of matching ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("jur", id="beginning of a word"),
        pytest.param("Jürgen Müller", id="words in another order"),
        pytest.param("mueller", id="a similar word"),
        pytest.param("Muller^Juergen", id="all words similar"),
        pytest.param("*ülle*", id="what the pattern finds without it"),
    ],
)
def test_fuzzy_matching_finds_a_similar_name(client, whole, name):
    assert len(found(client, STUDIES, PatientName=name, fuzzymatching="true")) == 1


GROUPS = "Yamada^Tarou=山田^太郎=やまだ^たろう"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("yamada^tarou", id="alphabetic"),
        pytest.param("山田^太郎", id="ideographic"),
        pytest.param("やまだ^た*", id="phonetic"),
        pytest.param("Yamada*=山田*=やまだ*", id="all three"),
        pytest.param("==やまだ^たろう", id="phonetic in its place"),
    ],
)
def test_a_name_is_found_by_each_of_its_groups(client, store, name):
    store(make_file(PatientName=GROUPS))

    assert len(found(client, STUDIES, PatientName=name)) == 1


@pytest.mark.parametrize("name", ["やまだ", "Yamada^Tarou=鈴木^太郎", "*花子"])
def test_a_name_of_other_groups_is_not_found(client, store, name):
    store(make_file(PatientName=GROUPS))

    assert found(client, STUDIES, PatientName=name) == []


@pytest.mark.parametrize("name", ["urgen", "schmidt", "jurgen schmidt"])
def test_fuzzy_matching_does_not_find_another_name(client, whole, name):
    assert found(client, STUDIES, PatientName=name, fuzzymatching="true") == []


def test_without_fuzzy_matching_a_similar_name_is_another(client, whole):
    assert found(client, STUDIES, PatientName="jurgen^muller", fuzzymatching="false") == []


EMPTY = {
    "StudyDate": {"StudyDate": None},
    "StudyTime": {"StudyTime": None},
    "AccessionNumber": {"AccessionNumber": None},
    "PatientName": {"PatientName": None},
    "PatientBirthDate": {"PatientBirthDate": None},
    "ModalitiesInStudy": {"Modality": None},
}


@pytest.mark.parametrize("keyword", EMPTY)
def test_an_empty_value_is_matched_on_request(client, store, keyword):
    store_studies(store, 1)
    store_studies(store, 2, **EMPTY[keyword] | {"PatientID": "P2"})

    uids = study_uids(client, **{keyword: '""', "emptyvaluematching": "true"})

    assert uids == ["1.5.2"]


def test_without_the_option_two_quotes_are_a_value(client, store):
    store_studies(store, 1, AccessionNumber=None)

    assert found(client, STUDIES, AccessionNumber='""') == []


@pytest.fixture
def pet_and_ct(store):
    """A CT, and a CT with a PET."""
    store_studies(store, 1)
    for number, modality in enumerate(["CT", "PT"]):
        store(
            make_file(
                StudyInstanceUID="1.5.2", SeriesInstanceUID=f"1.6.2.{number}", Modality=modality,
                SOPInstanceUID=f"1.7.2.{number}", StudyDate="20230101",
            )
        )  # fmt: skip


@pytest.mark.parametrize("separator", [",", "\\"])
def test_several_values_have_all_to_be_there_on_request(client, pet_and_ct, separator):
    keys = {"ModalitiesInStudy": f"CT{separator}PT", "multiplevaluematching": "true"}

    assert study_uids(client, **keys) == ["1.5.2"]


def test_without_the_option_several_modalities_are_alternatives(client, pet_and_ct):
    assert study_uids(client, ModalitiesInStudy="PT,CT") == ["1.5.1", "1.5.2"]


@pytest.mark.parametrize(
    ("time", "uids"),
    [
        pytest.param("1000-1800", ["1.5.3", "1.5.2"], id="one span, PS3.4 C.2.2.2.5.4"),
        pytest.param("0000-235959", ["1.5.3", "1.5.2", "1.5.1"], id="whole days"),
        pytest.param("1200", [], id="a single time is none"),
        pytest.param("0300-", ["1.5.2", "1.5.1"], id="another form is matched on its own"),
    ],
)
def test_ranges_of_dates_and_times_are_one_span(client, store, time, uids):
    store_studies(store, 1, StudyDate="20240105", StudyTime="0900")
    store_studies(store, 2, StudyDate="20240106", StudyTime="0300")
    store_studies(store, 3, StudyDate="20240107", StudyTime="0200")

    assert study_uids(client, StudyDate="20240105-20240107", StudyTime=time) == uids


def test_ranges_of_a_step_are_one_span_too(client, store):
    for number, (day, time) in enumerate([("20240105", "0900"), ("20240106", "0300")]):
        store_studies(
            store, number, PerformedProcedureStepStartDate=day, PerformedProcedureStepStartTime=time
        )

    series = found(
        client, SERIES, PerformedProcedureStepStartDate="20240105-20240107",
        PerformedProcedureStepStartTime="1000-1800",
    )  # fmt: skip

    assert [one["0020000E"]["Value"] for one in series] == [["1.6.1"]]


# --- What an answer holds (PS3.18 Tables 10.6.3-3 to 10.6.3-5) -------------------------------------

STUDY_TAGS = {
    "00080020", "00080030", "00080050", "00080056", "00080061", "00080090", "00080201", "00081190",
    "00100010", "00100020", "00100030", "00100040", "0020000D", "00200010", "00201206", "00201208",
    "00081030",
}  # fmt: skip
SERIES_TAGS = {
    "00080060", "00080201", "0008103E", "00081190", "0020000E", "00200011", "00201209", "00400244",
    "00400245", "00400275", "00180015",
}  # fmt: skip
INSTANCE_TAGS = {
    "00080016", "00080018", "00080056", "00080201", "00081190", "00200013", "00280010", "00280011",
    "00280100", "00280008",
}  # fmt: skip


@pytest.mark.parametrize(
    ("resource", "tags"),
    [
        (STUDIES, STUDY_TAGS),
        (SERIES, STUDY_TAGS | SERIES_TAGS),
        (f"{OF_STUDY}/series", SERIES_TAGS | {"0020000D", "00080056"}),
        (INSTANCES, STUDY_TAGS | SERIES_TAGS | INSTANCE_TAGS),
        (f"{OF_STUDY}/instances", SERIES_TAGS | INSTANCE_TAGS | {"0020000D"}),
        (f"{OF_SERIES}/instances", INSTANCE_TAGS | {"0020000D", "0020000E"}),
    ],
)
def test_an_answer_holds_the_attributes_of_its_table_in_order(client, whole, resource, tags):
    (match,) = found(client, resource)

    assert list(match) == sorted(tags)


def test_values_are_those_of_the_json_model(client, whole):
    (match,) = found(client, INSTANCES)

    assert match["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jürgen"}]}
    assert match["00080020"] == {"vr": "DA", "Value": ["20240105"]}
    assert match["00080030"] == {"vr": "TM", "Value": ["101500"]}
    assert match["00080061"] == {"vr": "CS", "Value": ["CT"]}
    assert match["00201208"] == {"vr": "IS", "Value": [1]}
    assert match["00280010"] == {"vr": "US", "Value": [4]}
    assert match["00080201"] == {"vr": "SH", "Value": ["+0100"]}
    assert match["00081190"] == {
        "vr": "UR", "Value": [f"http://testserver{OF_SERIES}/instances/1.2.3.4"],
    }  # fmt: skip


def test_a_series_tells_the_request_it_answers(client, whole):
    (series,) = found(client, f"{OF_STUDY}/series")

    assert series["00400275"] == {
        "vr": "SQ",
        "Value": [
            {
                "00400009": {"vr": "SH", "Value": ["SPS-1"]},
                "00401001": {"vr": "SH", "Value": ["RP-1"]},
            }
        ],
    }


def test_a_series_tells_all_requests_it_answers(client, store):
    store_requests(store, 1, ("SPS-1", "RP-1"), (None, "RP-2"))

    (series,) = found(client, SERIES)

    assert series["00400275"]["Value"] == [
        {
            "00400009": {"vr": "SH", "Value": ["SPS-1"]},
            "00401001": {"vr": "SH", "Value": ["RP-1"]},
        },
        {"00400009": {"vr": "SH"}, "00401001": {"vr": "SH", "Value": ["RP-2"]}},
    ]


def test_a_required_attribute_is_there_without_a_value_and_one_where_known_is_not(client, store):
    store(make_file(StudyDate=None, StudyDescription=None))

    (study,) = found(client, STUDIES)

    assert study["00080020"] == {"vr": "DA"}
    assert "00081030" not in study


@pytest.mark.parametrize("text", ['a"b', "a\\b", "ä\u2028", "</script>", "=^"])
def test_any_letter_of_a_value_is_valid_json(client, store, text):
    store(make_file(AccessionNumber="A"))
    Study.objects.update(accession_number=text, patient_name_ideographic=text)

    (study,) = found(client, STUDIES)

    assert study["00080050"]["Value"] == [text]
    assert study["00100010"]["Value"][0]["Ideographic"] == text


# --- includefield (PS3.18 8.3.4.3) -----------------------------------------------------------------


@pytest.mark.parametrize("field", ["IssuerOfPatientID", "00100021", "StudyDate,00100021"])
def test_a_field_is_included_by_name_or_tag(client, whole, field):
    (study,) = found(client, STUDIES, includefield=field)

    assert study["00100021"] == {"vr": "LO", "Value": ["HOSPITAL"]}


def test_fields_may_be_asked_for_one_by_one(client, whole):
    fields = ["FrameOfReferenceUID", "InstitutionName"]

    (series,) = found(client, SERIES, includefield=fields)

    assert series["00200052"] == {"vr": "UI"}
    assert series["00080080"] == {"vr": "LO"}


def test_a_field_of_a_higher_level_is_included(client, whole):
    (instance,) = found(client, f"{OF_SERIES}/instances", includefield="PatientID,Modality")

    assert instance["00100020"]["Value"] == ["MRN-1"]
    assert instance["00080060"]["Value"] == ["CT"]


@pytest.mark.parametrize("field", ["Modality", "SOPInstanceUID", "Rows", "ProtocolName", "all"])
def test_nothing_of_a_lower_level_is_included(client, whole, field):
    (study,) = found(client, STUDIES, includefield=field)

    assert not {"00080060", "0020000E", "00080018", "00280010", "00181030"} & set(study)


def test_a_key_is_included_as_well(client, whole):
    (study,) = found(client, STUDIES, IssuerOfPatientID="HOSP*")

    assert study["00100021"]["Value"] == ["HOSPITAL"]


def test_a_key_without_a_value_asks_for_its_field(client, whole):
    (study,) = found(client, STUDIES, IssuerOfPatientID="")

    assert study["00100021"]["Value"] == ["HOSPITAL"]


def test_an_instance_includes_any_standard_attribute_of_its_header(client, whole):
    (instance,) = found(client, INSTANCES, includefield="ProtocolName,00281054")

    assert instance["00181030"] == {"vr": "LO", "Value": ["Head routine"]}
    assert "00281054" not in instance


def test_an_attribute_in_a_sequence_is_included_without_its_neighbours(client, store):
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2", "1.3"
    store(make_file(ReferencedImageSequence=[reference]))

    (instance,) = found(
        client, INSTANCES, includefield="ReferencedImageSequence.ReferencedSOPInstanceUID"
    )

    assert instance["00081140"] == {
        "vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.3"]}}],
    }  # fmt: skip


def test_all_is_everything_that_is_known_of_an_instance(client, whole):
    (instance,) = found(client, f"{OF_SERIES}/instances", includefield="all")

    assert instance["00181030"]["Value"] == ["Head routine"]
    assert instance["00100021"]["Value"] == ["HOSPITAL"]
    assert {a.tag for a in ATTRIBUTES if not a.sequence} <= set(instance)
    assert list(instance) == sorted(instance)


def test_the_identity_of_the_index_is_laid_over_the_header(client, whole):
    Study.objects.update(patient_name="Other^Name", number_of_study_related_instances=7)
    Instance.objects.update(is_overlaid=True)

    (instance,) = found(client, INSTANCES, includefield="all")

    assert instance["00100010"]["Value"] == [{"Alphabetic": "Other^Name"}]
    assert instance["00201208"]["Value"] == [7]


# --- Pages (PS3.18 8.3.4.4) ------------------------------------------------------------------------


def test_no_match_is_an_empty_list(client):
    response = client.get(STUDIES, {"PatientID": "nobody"})

    assert (response.status_code, response.json()) == (200, [])
    assert response["X-Total-Count"] == "0"


def test_matches_beyond_the_limit_are_told_of(client, store):
    store_studies(store, 1, 2, 3)

    response = client.get(STUDIES, {"limit": "1", "offset": "1"})

    assert len(response.json()) == 1
    assert response["Warning"] == (
        '299 http://testserver/dicom-web: "There are 1 additional results that can be requested"'
    )
    assert (response["X-Total-Count"], response["X-Total-Count-Relation"]) == ("3", "eq")


@pytest.mark.parametrize(
    "page", [{}, {"limit": "3"}, {"offset": "1"}, {"offset": "3"}, {"offset": "9", "limit": "1"}]
)
def test_the_total_is_known_on_every_page_and_the_last_warns_of_nothing(client, store, page):
    store_studies(store, 1, 2, 3)

    response = client.get(STUDIES, page)

    assert response["X-Total-Count"] == "3"
    assert "Warning" not in response


def test_a_limit_of_none_only_counts(client, store):
    store_studies(store, 1, 2)

    response = client.get(STUDIES, {"limit": "0"})

    assert response.json() == []
    assert response["X-Total-Count"] == "2"


def test_more_matches_than_are_counted_are_said_to_be_more(client, store, monkeypatch):
    monkeypatch.setattr(query, "MATCH_COUNT_LIMIT", 2)
    store_studies(store, 1, 2, 3, 4)

    response = client.get(STUDIES, {"limit": "1"})

    assert (response["X-Total-Count"], response["X-Total-Count-Relation"]) == ("2", "gte")
    assert "There are more than 1 additional results" in response["Warning"]


def test_a_page_holds_no_more_than_the_archive_allows(client, store, monkeypatch):
    monkeypatch.setattr(query, "MAX_RESULTS", 2)
    store_studies(store, 1, 2, 3)

    response = client.get(STUDIES, {"limit": "3"})

    assert len(response.json()) == 2
    assert "There are 1 additional" in response["Warning"]


def test_a_page_of_whole_headers_is_shorter(client, store, monkeypatch):
    monkeypatch.setattr(query, "MAX_HEADERS", 1)
    store_studies(store, 1, 2)

    assert len(found(client, INSTANCES, includefield="all")) == 1
    assert len(found(client, INSTANCES)) == 2


def test_a_page_of_whole_headers_ends_before_they_are_too_many_bytes(client, store, monkeypatch):
    store_studies(store, 1, 2, 3)
    size = len(StoredObject.objects.values_list("header_json", flat=True)[0].encode())
    monkeypatch.setattr(query, "MAX_HEADER_BYTES", size * 2 + 1)

    response = client.get(INSTANCES, {"includefield": "all"})

    assert len(response.json()) == 2
    assert (response["X-Total-Count"], response["X-Total-Count-Relation"]) == ("3", "eq")
    assert "There are 1 additional" in response["Warning"]


def test_one_whole_header_comes_whatever_its_size(client, store, monkeypatch):
    monkeypatch.setattr(query, "MAX_HEADER_BYTES", 1)
    store_studies(store, 1, 2)

    (instance,) = found(client, INSTANCES, includefield="all", offset="1")

    assert instance["00080018"]["Value"] == ["1.7.1"]


def test_the_bounds_of_a_page_are_those_of_the_conformance_statement(client, whole):
    bounds = (query.MAX_RESULTS, query.MAX_HEADERS, query.MAX_OFFSET, query.MATCH_COUNT_LIMIT)

    assert bounds == (1000, 50, 100_000, 1000)
    assert query.MAX_HEADER_BYTES == 64 * 1024 * 1024
    assert client.get(STUDIES, {"offset": "100000"}).status_code == 200


@pytest.mark.parametrize("resource", [STUDIES, SERIES, INSTANCES, f"{STUDIES}/1.5.1/series"])
def test_pages_put_together_are_the_whole_answer_in_its_order(client, store, resource):
    store_studies(store, 1, 2, 3, 4, 5)
    for number in range(4):
        store(
            make_file(
                StudyInstanceUID="1.5.1", SeriesInstanceUID=f"1.8.{number}", SeriesNumber="2",
                SOPInstanceUID=f"1.9.{number}",
            )
        )  # fmt: skip

    pages = [found(client, resource, limit="2", offset=str(start)) for start in range(0, 10, 2)]

    assert [match for page in pages for match in page] == found(client, resource)


# --- Media types (PS3.18 8.7.3.2) ------------------------------------------------------------------


@pytest.mark.parametrize(
    "accept", ["application/dicom+json", "application/json", "*/*", "application/*", None]
)
def test_json_is_the_default(client, whole, accept):
    response = client.get(STUDIES, headers={"Accept": accept} if accept else {})

    assert response["Content-Type"] == "application/dicom+json"
    assert json.loads(response.content)[0]["0020000D"]["Value"] == ["1.2.3"]


def test_an_answer_is_compressed_for_who_takes_that(client, whole):
    plain = client.get(INSTANCES, {"includefield": "all"})
    compressed = client.get(
        INSTANCES, {"includefield": "all"}, headers={"Accept-Encoding": "gzip, deflate"}
    )

    assert "Content-Encoding" not in plain
    assert compressed["Content-Encoding"] == "gzip"
    assert gzip.decompress(compressed.content) == plain.content
    assert plain["Vary"] == compressed["Vary"] == "Accept, Accept-Encoding, Cookie"


@pytest.mark.parametrize(
    "request_", [{"headers": {"Accept": XML}}, {"QUERY_STRING": urlencode({"accept": XML})}]
)
@pytest.mark.parametrize("resource", [STUDIES, SERIES, INSTANCES])
def test_xml_holds_the_same_one_part_for_each_match(client, whole, resource, request_):
    response = client.get(resource, **request_)

    assert response["Content-Type"].startswith('multipart/related; type="application/dicom+xml"')
    boundary = response["Content-Type"].split("boundary=")[1].encode()
    _, part, end = response.content.split(b"--" + boundary)
    head, _, document = part.partition(b"\r\n\r\n")
    assert (head, end) == (b"\r\nContent-Type: application/dicom+xml", b"--\r\n")
    assert [dataset_from_xml(document.rstrip(b"\r\n"))] == found(client, resource)


def test_no_match_in_xml_is_no_part(client):
    response = client.get(STUDIES, headers={"Accept": XML})

    boundary = response["Content-Type"].split("boundary=")[1].encode()
    assert response.content == b"--" + boundary + b"--\r\n"


@pytest.mark.parametrize(
    "accept", ["application/dicom", "text/html", 'multipart/related; type="application/dicom"']
)
def test_another_media_type_is_not_to_be_had(client, accept):
    response = client.get(STUDIES, headers={"Accept": accept})

    assert response.status_code == 406
    assert "application/dicom+json" in response.json()["error"]


# --- What is refused -------------------------------------------------------------------------------

BAD = [
    "limit=x", "limit=-1", "limit=1.5", "limit=99999999999", "limit=%D9%A1", "offset=-1",
    "NoSuch=1", "0020=1", "Modality=CT", "RequestedProcedureID=1",
    "RequestAttributesSequence=1", "RequestAttributesSequence.Modality=CT", "ProtocolName=x",
    "NumberOfStudyRelatedSeries=1", "00291001=x", ".=1", "=1",
    "StudyInstanceUID=../x", "StudyInstanceUID=1.2*", "StudyDate=yesterday", "StudyDate=2024*",
    "StudyDate=-", "StudyDate=20240101-20240102-20240103", "StudyTime=25", "StudyTime=1000-99",
    "PatientID=a&PatientID=b", "PatientID=a&00100020=b", "limit=1&limit=2",
    "includefield=NoSuch", "includefield=all,StudyDate", "includefield=all&includefield=StudyDate",
    "fuzzymatching=yes", "emptyvaluematching=1", "PatientName=a%00b",
    "PatientID=" + "*a" * 21, "PatientName=" + "a" * 257, "TimezoneOffsetFromUTC=%2B0100",
    "ModalitiesInStudy=C*,M*&multiplevaluematching=true", "offset=100001",
    "PatientName=" + "\ufdd0a" * 21, "PatientName=\ufdd1", "PatientID=\U0001ffff", "PatientID=a%0Ab",
    "PatientName=" + "\ufdfa" * 20, "PatientName=" + "\ufdfa" * 20 + "&fuzzymatching=true",
    "PatientName=" + "a " * 11 + "&fuzzymatching=true",
]  # fmt: skip


@pytest.mark.parametrize("query_string", BAD)
def test_a_bad_parameter_is_answered_with_a_sentence(client, query_string):
    response = client.get(f"{STUDIES}?{query_string}")

    assert response.status_code == 400
    assert len(response.json()["error"].split()) >= 4


@pytest.mark.parametrize("value", ["x", "1.5", "1-2", "1_0", "²"])
def test_a_number_that_is_none_is_refused(client, value):
    assert client.get(SERIES, {"SeriesNumber": value}).status_code == 400


def test_a_list_of_uids_may_be_long(client, whole):
    uids = ",".join(["1.2.3", *(f"9.{number}" for number in range(500))])

    assert len(found(client, STUDIES, StudyInstanceUID=uids)) == 1


def test_a_number_beyond_all_columns_matches_nothing(client, whole):
    assert found(client, SERIES, SeriesNumber="999999999999") == []


def test_the_sentence_holds_no_value_of_a_patient(client):
    response = client.get(STUDIES, {"PatientBirthDate": "secret"})

    assert "secret" not in response.json()["error"]


VALUES = st.one_of(
    st.text(max_size=12),
    st.text(alphabet='*?^=-,\\".%_[]() ab1é山\0', max_size=12),
    st.sampled_from(["20240101-", "-1015", "1.2.3,", '""', "*", "all", "true"]),
)
NAMES = st.one_of(
    st.sampled_from([a.keyword for a in ATTRIBUTES] + [a.path for a in ATTRIBUTES]),
    st.sampled_from(sorted(search._NOT_KEYS)),
    st.text(max_size=8),
)


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    resource=st.sampled_from(list(KEYS_OF)),
    parameters=st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=4),
)
def test_no_query_breaks_the_server(client, resource, parameters):
    response = client.get(resource, QUERY_STRING=urlencode(parameters))

    assert response.status_code in (200, 400, 406)


@pytest.mark.parametrize("resource", KEYS_OF)
def test_a_search_finds_nothing_for_who_may_see_nothing(sign_in, whole, resource):
    assert found(sign_in(None), resource) == []
