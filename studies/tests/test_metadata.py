"""The metadata of a series, made once and kept (studies/metadata.py)."""

import datetime
import gzip
import json
import zlib

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F

from studies import gzip_parts, metadata, retrieve, storage
from studies.dicom.xml_model import dataset_from_xml
from studies.models import Instance, Series, SeriesMetadata, StoredObject, Study
from studies.tests.answers import body, parts
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

STUDY = "/dicom-web/studies/1.2.3"
SERIES = f"{STUDY}/series/1.2.3.9"
INSTANCE = f"{SERIES}/instances/1.2.3.4"
# Session, user, permissions.
WHO = 3


def content(response) -> list:
    raw = body(response)
    return json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)


@pytest.fixture
def three(store):
    for number in range(3):
        store(make_file(SOPInstanceUID=f"1.2.3.{4 + number}", InstanceNumber=str(number)))


@pytest.mark.parametrize("resource", [STUDY, SERIES, INSTANCE])
def test_metadata_exist_at_each_level(client, store, resource):
    store(make_file())

    assert len(content(client.get(f"{resource}/metadata"))) == 1


def test_metadata_hold_the_header_and_refer_to_the_pixels(client, store):
    store(make_file())

    (header,) = content(client.get(f"{SERIES}/metadata"))

    assert header["00280010"] == {"vr": "US", "Value": [4]}
    assert header["00083002"] == {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}
    assert header["7FE00010"] == {
        "vr": "OW", "BulkDataURI": f"http://testserver{INSTANCE}/bulkdata/7FE00010",
    }  # fmt: skip
    assert "00020010" not in header


@pytest.mark.parametrize("resource", [STUDY, SERIES, INSTANCE])
def test_metadata_in_xml_are_a_native_dicom_model_for_each_instance(client, three, resource):
    address = f"{resource}/metadata"
    headers = content(client.get(address))

    response = client.get(
        address, headers={"Accept": 'multipart/related; type="application/dicom+xml"'}
    )

    types, models = zip(*parts(response), strict=True)
    assert types == ("application/dicom+xml",) * len(headers)
    assert [dataset_from_xml(model) for model in models] == headers
    assert response["ETag"] != client.get(address)["ETag"]


@pytest.mark.parametrize("resource", [STUDY, SERIES, INSTANCE])
def test_who_has_metadata_in_one_form_does_not_have_them_in_the_other(client, three, resource):
    etag = client.get(f"{resource}/metadata")["ETag"]
    xml = 'multipart/related; type="application/dicom+xml"'

    response = client.get(f"{resource}/metadata", headers={"Accept": xml, "If-None-Match": etag})

    assert response.status_code == 200


@pytest.mark.parametrize("resource", [STUDY, SERIES, INSTANCE])
def test_metadata_are_no_picture(client, three, resource):
    assert client.get(f"{resource}/metadata", headers={"Accept": "image/png"}).status_code == 406


def test_a_series_is_prepared_by_the_first_who_asks_and_read_in_one_query_by_the_next(
    client, three, django_assert_num_queries
):
    first = content(client.get(f"{SERIES}/metadata"))

    with django_assert_num_queries(WHO + 2):  # the series, what is kept of it
        second = content(client.get(f"{SERIES}/metadata"))

    assert first == second
    assert [h["00200013"]["Value"] for h in second] == [[0], [1], [2]]
    assert SeriesMetadata.objects.count() == 1


def test_prepared_metadata_touch_no_instance(client, three):
    expected = content(client.get(f"{SERIES}/metadata"))
    StoredObject.objects.update(header_json="{}")

    assert content(client.get(f"{SERIES}/metadata")) == expected


def test_who_has_it_is_told_so_without_reading_what_is_kept(
    client, three, django_assert_num_queries
):
    etag = client.get(f"{SERIES}/metadata")["ETag"]

    with django_assert_num_queries(WHO + 1):
        response = client.get(f"{SERIES}/metadata", headers={"If-None-Match": etag})

    assert (response.status_code, response["ETag"]) == (304, etag)


@pytest.mark.parametrize("resource", [STUDY, SERIES])
def test_what_is_kept_is_compressed_once_for_all(client, three, resource):
    response = client.get(f"{resource}/metadata", headers={"Accept-Encoding": "br, gzip"})

    assert response["Content-Encoding"] == "gzip"
    assert bytes(SeriesMetadata.objects.get().content) in body(response)


@pytest.mark.parametrize("resource", [STUDY, SERIES])
@pytest.mark.parametrize("encodings", ["", "br", "gzip;q=0", "identity"])
def test_who_takes_no_gzip_gets_plain_json(client, three, encodings, resource):
    response = client.get(f"{resource}/metadata", headers={"Accept-Encoding": encodings})

    assert "Content-Encoding" not in response
    assert len(json.loads(b"".join(response))) == 3


def test_a_study_comes_as_one_member_of_gzip_since_browsers_read_no_second(client, store, three):
    for number in range(3):
        store(make_file(SeriesInstanceUID=f"1.2.{number}", SOPInstanceUID=f"1.2.{number}.1"))
    address = f"{STUDY}/metadata"

    compressed = body(client.get(address, headers={"Accept-Encoding": "gzip"}))
    plain = b"".join(client.get(address, headers={"Accept-Encoding": "identity"}))

    inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # which checks CRC-32 and length
    assert inflater.decompress(compressed) == plain
    assert inflater.eof
    assert inflater.unused_data == b""
    assert len(json.loads(plain)) == 6


def test_another_instance_renews_it(client, store, three):
    before = client.get(f"{SERIES}/metadata")

    store(make_file(SOPInstanceUID="1.2.3.9.7"))
    after = client.get(f"{SERIES}/metadata")

    assert (len(content(before)), len(content(after))) == (3, 4)
    assert before["ETag"] != after["ETag"]
    assert SeriesMetadata.objects.count() == 1


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (Study, {"patient_name": "Other^Name"}),
        (Study, {"patient_name_ideographic": "山田^太郎"}),
        (Study, {"patient_id": "MRN-2"}),
        (Study, {"accession_number": "ACC-2"}),
        (Series, {"series_description": "Coronal"}),
    ],
)
def test_another_identity_renews_it(client, three, model, change):
    Instance.objects.update(is_overlaid=True)
    before = client.get(f"{SERIES}/metadata")

    model.objects.update(**change)
    after = client.get(f"{SERIES}/metadata")

    assert before["ETag"] != after["ETag"]
    assert next(iter(change.values())) in json.dumps(content(after), ensure_ascii=False)


def test_another_series_of_the_study_leaves_it_alone(client, store, three):
    before = client.get(f"{SERIES}/metadata")["ETag"]

    store(make_file(SeriesInstanceUID="1.2.3.10", SOPInstanceUID="1.2.3.10.1"))

    assert client.get(f"{SERIES}/metadata")["ETag"] == before


def test_each_name_of_the_portal_has_its_own_addresses_in_it(client, three, settings):
    settings.ALLOWED_HOSTS = ["*"]
    for number in range(8):
        response = client.get(f"{SERIES}/metadata", headers={"Host": f"pacs{number}.example"})

        (url,) = content(response)[0]["00081190"]["Value"]
        assert url.startswith(f"http://pacs{number}.example/dicom-web/studies/1.2.3/")
    assert SeriesMetadata.objects.count() <= 4 + 1


def test_a_name_longer_than_any_is_answered_and_not_kept(client, three):
    response = client.get(f"{SERIES}/metadata", headers={"Host": f"localhost:{'0' * 400}80"})

    assert len(content(response)) == 3
    assert not SeriesMetadata.objects.exists()


def test_what_the_release_before_keeps_is_taken_in_but_never_answered(client, three):
    series = Series.objects.get()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO studies_seriesmetadata (series_id, base_url, etag, content, prepared_at)"
            " VALUES (%s, %s, 'of old', 'old', now())",
            [series.pk, BASE],
        )

    assert len(content(client.get(f"{SERIES}/metadata"))) == 3


def test_nothing_of_what_is_deleted_stays_prepared(client, sign_in, three):
    client.get(f"{SERIES}/metadata")

    sign_in("data steward").delete(INSTANCE, headers={"Deletion-Reason": "A phantom"})

    assert not SeriesMetadata.objects.exists()
    assert len(content(client.get(f"{SERIES}/metadata"))) == 2


def test_the_metadata_of_a_study_are_those_of_its_series_in_order(client, store, three):
    store(make_file(SeriesInstanceUID="1.2.3.10", SOPInstanceUID="1.2.3.10.1", SeriesNumber="0"))

    headers = content(client.get(f"{STUDY}/metadata"))

    assert headers == [
        *content(client.get(f"{STUDY}/series/1.2.3.10/metadata")),
        *content(client.get(f"{SERIES}/metadata")),
    ]


def test_the_arrays_of_many_series_in_pieces_of_any_size_are_one_array(client, store, monkeypatch):
    for series in range(3):
        store(make_file(SeriesInstanceUID=f"1.2.{series}", SOPInstanceUID=f"1.2.{series}.1"))
    whole = content(client.get(f"{STUDY}/metadata"))
    assert len(whole) == 3

    for size in (1, 2, 1000):
        monkeypatch.setattr(gzip_parts, "_PIECE_BYTES", size)
        plain = client.get(f"{STUDY}/metadata", headers={"Accept-Encoding": "identity"})
        assert json.loads(b"".join(plain)) == whole


def test_of_many_series_no_more_than_a_few_are_in_memory(client, store, monkeypatch):
    for series in range(3):
        store(make_file(SeriesInstanceUID=f"1.2.{series}", SOPInstanceUID=f"1.2.{series}.1"))
    made = []
    prepare = metadata._prepare
    monkeypatch.setattr(metadata, "_prepare", lambda *args: made.append(args) or prepare(*args))

    response = client.get(f"{STUDY}/metadata", headers={"Accept-Encoding": "gzip"})

    assert (response.streaming, len(made)) == (True, 1)
    assert len(content(response)) == 3
    assert "Content-Length" not in response
    assert body(client.head(f"{STUDY}/metadata")) == b""
    one = client.get(f"{STUDY}/series/1.2.1/metadata", headers={"Accept-Encoding": "gzip"})
    assert int(one["Content-Length"]) == len(one.content)


def test_a_study_that_the_client_has_is_not_sent_again(client, store, three):
    etag = client.get(f"{STUDY}/metadata")["ETag"]

    again = client.get(f"{STUDY}/metadata", headers={"If-None-Match": etag})
    store(make_file(SeriesInstanceUID="1.2.3.10", SOPInstanceUID="1.2.3.10.1"))
    changed = client.get(f"{STUDY}/metadata", headers={"If-None-Match": etag})

    assert (again.status_code, changed.status_code) == (304, 200)


def test_headers_are_read_in_bounded_numbers(store, monkeypatch, django_assert_num_queries):
    for number in range(7):
        store(make_file(SOPInstanceUID=f"1.2.3.9.{number}", InstanceNumber=str(number)))
    monkeypatch.setattr(metadata, "_CHUNK", 3)
    series = Series.objects.select_related("study").get()

    with django_assert_num_queries(1 + 3):  # the order, then three chunks
        headers = list(metadata.retrieve_headers([series], base_url="http://pacs/dicom-web"))

    assert [json.loads(h)["00200013"]["Value"][0] for h in headers] == list(range(7))


@pytest.mark.parametrize("address", [STUDY, SERIES])
def test_a_series_that_goes_while_it_is_prepared_is_not_found(client, three, monkeypatch, address):
    prepare = retrieve.retrieve_metadata

    def deleted_meanwhile(instances, *, base_url):
        yield from prepare(instances, base_url=base_url)
        Instance.objects.all().delete()
        Series.objects.all().delete()

    monkeypatch.setattr(retrieve, "retrieve_metadata", deleted_meanwhile)

    assert client.get(f"{address}/metadata").status_code == 404


# --- Beforehand ----------------------------------------------------------------------------------

BASE = "http://testserver/dicom-web"


def test_settled_series_are_prepared_beforehand(client, three, capsys):
    call_command("prepare_metadata", BASE, "--settled", "0")
    call_command("prepare_metadata", f"{BASE}/", "--settled", "0")

    assert capsys.readouterr().out.split("\n")[:2] == ["1 series prepared", "0 series prepared"]
    kept = bytes(SeriesMetadata.objects.get().content)
    assert kept in client.get(f"{SERIES}/metadata", headers={"Accept-Encoding": "gzip"}).content


def test_series_that_may_still_grow_are_not(three, capsys):
    call_command("prepare_metadata", BASE)

    assert capsys.readouterr().out == "0 series prepared\n"


def test_series_that_have_changed_since_are_prepared_again(store, three, capsys):
    call_command("prepare_metadata", BASE, "--settled", "0")
    store(make_file(SOPInstanceUID="1.2.3.9.7"))
    call_command("prepare_metadata", BASE, "--settled", "0")

    assert capsys.readouterr().out == "1 series prepared\n1 series prepared\n"


def test_old_studies_are_left_until_somebody_asks(three, capsys):
    Study.objects.update(received_at=F("received_at") - datetime.timedelta(days=3))

    call_command("prepare_metadata", BASE, "--settled", "0")

    assert capsys.readouterr().out == "0 series prepared\n"


def test_nothing_of_the_store_is_read(client, three, monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(storage, "read", refuse)

    assert len(content(client.get(f"{SERIES}/metadata"))) == 3
