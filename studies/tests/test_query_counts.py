"""How many queries a page costs, whatever it shows."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from studies.metadata import retrieve_parts
from studies.models import Patient, Series, Study
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

# Session, user, permissions.
WHO = 3
# The number beside the bell of the page header.
BELL = 1
# What was done, with all that it needs to know of who did it and of the patient.
AUDIT = 1


@pytest.fixture
def many(store):
    for series in range(3):
        for number in range(4):
            store(
                make_file(
                    SeriesInstanceUID=f"1.2.3.{series}", SOPInstanceUID=f"1.2.3.{series}.{number}"
                )
            )
    patient = Patient.objects.get()
    for number in range(40):
        Study.objects.create(patient_record=patient, study_instance_uid=f"9.{number}")


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        pytest.param(
            "/", WHO + BELL + 7,
            id="study list: columns, readers, tags, mark, page, count, saved searches",
        ),
        pytest.param(
            "/?after=1&sort=name", WHO + BELL + 8, id="study list further on: its place as well"
        ),
        pytest.param(
            "/studies/1.2.3/", WHO + BELL + 7,
            id="study page: study, series, other studies, report, whether one follows it, readers,"
            " tags",
        ),
        pytest.param(
            "/list/searches/", WHO + BELL + 2 - AUDIT, id="saved searches, no act: they, the default"
        ),
        pytest.param("/notifications/", WHO + BELL + 1, id="notifications"),
        pytest.param(
            "/studies/1.2.3/view/", WHO + 5,
            id="viewer page: study, its series, protocols, first series, its middle image",
        ),
        pytest.param("/api/studies/", WHO + 2, id="API list: page, count"),
        pytest.param("/api/studies/1.2.3/", WHO + 2, id="API study: study, series"),
        pytest.param("/api/studies/1.2.3/report/", WHO + 2, id="report: study, report"),
        pytest.param(
            "/api/studies/1.2.3/hanging/", WHO + 5,
            id="hanging: study, its body parts, other studies, protocols, priors",
        ),
        pytest.param("/api/studies/1.2.3/presentation/", WHO + 2, id="presentation: study, it"),
        pytest.param("/dicom-web/studies", WHO + 1, id="search for studies"),
        pytest.param("/dicom-web/studies?limit=9", WHO + 1, id="search for studies, more remain"),
        pytest.param("/dicom-web/studies/1.2.3/series", WHO + 1, id="search for series"),
        pytest.param("/dicom-web/series?Modality=CT&limit=1", WHO + 1, id="search for all series"),
        pytest.param(
            "/dicom-web/instances?includefield=all", WHO + 3,
            id="all of all instances: the page, the sizes of its headers, its headers",
        ),
        pytest.param("/dicom-web/studies/1.2.3/instances", WHO + 1, id="search for instances"),
        pytest.param(
            "/dicom-web/studies/1.2.3/metadata", WHO + 2,
            id="metadata of a study: its series, what is kept of them",
        ),
        pytest.param(
            "/dicom-web/studies/1.2.3/series/1.2.3.1/metadata", WHO + 2,
            id="metadata of a series: the series, what is kept of it",
        ),
        pytest.param(
            "/dicom-web/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.2/frames/1",
            WHO + 1, id="a frame",
        ),
        pytest.param(
            "/dicom-web/studies/1.2.3/series/1.2.3.1?accept=multipart/related;transfer-syntax=*",
            WHO + 2, id="a series, whole: its transfer syntaxes, instances",
        ),
    ],
)  # fmt: skip
def test_a_page_costs_so_many_queries(client, many, django_assert_num_queries, path, queries):
    series = list(Series.objects.select_related("study"))
    list(retrieve_parts(series, base_url="http://testserver/dicom-web"))  # made once for all

    with django_assert_num_queries(queries + AUDIT):
        response = client.get(path)
        if response.streaming:
            b"".join(response)

    assert response.status_code == 200


def test_what_a_viewer_asks_for_again_and_again_is_kept_once(
    client, many, django_assert_num_queries
):
    frame = "/dicom-web/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.{}/frames/1"
    assert client.get(frame.format(1)).status_code == 200

    with django_assert_num_queries(WHO + 1):
        assert client.get(frame.format(2)).status_code == 200


@pytest.mark.parametrize("kind", ["measurements", "key-images"])
def test_what_readers_keep_costs_no_query_per_document(client, many, kind):
    address, counts = f"/api/studies/1.2.3/{kind}/", []
    client.get(address)  # kept in the audit trail, and again only minutes later
    image = {"sop_instance_uid": "1.2.3.1.1"}
    length = {
        "kind": "length", "tracking_uid": "2.25.1", "label": "", "frame": 1,
        "points": [[0, 0], [1, 1]],
        "values": [{"quantity": "length", "value": 1, "unit": "mm"}],
    } | image  # fmt: skip
    for _ in range(3):
        body = {"measurements": [length], "images": [image]}
        assert client.post(address, body, content_type="application/json").status_code == 201
        with CaptureQueriesContext(connection) as queries:
            documents = client.get(address).json()["documents"]
        counts.append((len(documents), len(queries)))

    assert [number for number, _ in counts] == [1, 2, 3]
    assert len({queries for _, queries in counts}) == 1


@pytest.mark.parametrize("model", ["patient", "study", "series", "instance", "storedobject"])
def test_an_admin_list_costs_no_query_per_row(store, admin_client, model):
    counts = []
    for number in range(6):
        uid = f"1.{number}"
        store(
            make_file(
                PatientID=uid, StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.1",
                SOPInstanceUID=f"{uid}.1.1",
            )
        )  # fmt: skip
        with CaptureQueriesContext(connection) as captured:
            response = admin_client.get(f"/admin/studies/{model}/")
        assert response.context["cl"].result_count == number + 1
        counts.append(len(captured))

    assert len(set(counts[1:])) == 1
