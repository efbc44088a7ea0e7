"""Links to one study: made, opened, counted, ended; and what those without identity tell."""

import datetime
import re

import pytest
from django.test import Client
from django.utils import timezone

from accounts.acts import Action
from accounts.models import User
from studies.models import ShareLink
from studies.portal import sharing as page
from studies.tests.answers import body, json_of
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

ACCESS = "/studies/1.2.3/access/"
SERIES = "/dicom-web/studies/1.2.3/series/1.2.3.9"
IMAGE = f"{SERIES}/instances/1.2.3.4"
US, SECONDARY_CAPTURE, SR = (
    f"1.2.840.10008.5.1.4.1.1.{number}" for number in ("6.1", "7", "88.11")
)
# What the file tells of the patient, in any of its attributes.
IDENTITY = re.compile(
    "müller|jürgen|mrn-1|hospital|1970|2024010|acc-1|ct head|axial|curie|kowalski|station 7", re.I
)


@pytest.fixture
def study(store):
    store(
        make_file(
            InstitutionName="North Hospital", OperatorsName="Kowalski", StationName="Station 7",
            PixelSpacing=[0.5, 0.5], PatientComments="Müller",
        )
    )  # fmt: skip


@pytest.fixture
def share(client, study):
    """Makes a link as a radiologist does; gives its path."""

    def share(**said):
        form = {"do": "share", "share-recipient": "Dr Who", "share-days": "7"}
        response = client.post(ACCESS, form | said)
        return re.search(r"http://testserver(/share/[\w-]{43}/)", response.content.decode())[1]

    return share


@pytest.fixture
def visitor(share):
    """Opens a new link, as somebody without an account."""

    def visitor(**said):
        client = Client()
        response = client.post(share(**said))
        assert (response.status_code, response["Location"]) == (302, "/studies/1.2.3/view/")
        return client

    return visitor


# --- Making --------------------------------------------------------------------------------------


def test_the_address_is_shown_once_and_its_secret_kept_nowhere(client, share):
    path = share()

    link = ShareLink.objects.get()
    assert path.split("/")[2] not in client.get(ACCESS).content.decode()
    assert link.digest not in path
    assert (link.recipient, link.created_by.username) == ("Dr Who", "radiologist-1")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"share-recipient": ""}, "This field is required."),
        ({"share-days": "31"}, "Select a valid choice."),
        ({"share-days": "0"}, "Select a valid choice."),
        ({"share-max_opens": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_makes_no_sense_is_told_and_makes_no_link(client, study, said, why):
    form = {"do": "share", "share-recipient": "Dr Who", "share-days": "7"}

    response = client.post(ACCESS, form | said)

    assert why in response.content.decode()
    assert not ShareLink.objects.exists()


def test_no_link_lasts_longer_than_the_settings_allow(client, study, settings):
    settings.PACS_SHARE_MAX_DAYS = 5

    response = client.post(ACCESS, {"do": "share", "share-recipient": "Dr Who", "share-days": "7"})

    assert "Select a valid choice." in response.content.decode()
    assert 'value="5"' in response.content.decode()


# --- Opening -------------------------------------------------------------------------------------


def test_a_preview_of_the_link_opens_and_counts_nothing_and_tells_nobody_s_name(share):
    path, client = share(), Client()

    response = client.get(path)

    assert ShareLink.objects.get().opened_count == 0
    assert response["Referrer-Policy"] == "strict-origin"
    assert not IDENTITY.search(response.content.decode())
    assert client.get("/studies/1.2.3/view/").status_code == 302


def test_each_opening_is_counted_and_told(share, acts):
    path = share()

    Client().post(path)
    Client().post(path)

    link = ShareLink.objects.get()
    assert link.opened_count == 2
    assert timezone.now() - link.last_opened_at < datetime.timedelta(minutes=1)
    told = [act for act in acts if act.action == Action.SHARE]
    assert [act.what for act in told] == ["share link made", *["share link opened"] * 2]
    assert told[-1].actor.display_name == f"Share link {link.pk}, for Dr Who"


def test_a_link_opens_as_often_as_it_says(share):
    path = share(**{"share-max_opens": "1"})

    answers = [Client().post(path).status_code for _ in range(2)]

    assert answers == [302, 404]
    assert ShareLink.objects.get().opened_count == 1


@pytest.mark.parametrize(
    "end",
    [
        lambda: ShareLink.objects.update(expires_at=timezone.now()),
        lambda: ShareLink.objects.update(revoked_at=timezone.now()),
        lambda: User.objects.update(is_active=False),
    ],
    ids=["it expires", "it is revoked", "who made it has left"],
)
def test_a_link_that_has_ended_shows_nothing_from_that_moment_on(visitor, end):
    client = visitor()
    before = client.get(f"{IMAGE}/frames/1").status_code
    end()

    assert (before, client.get(f"{IMAGE}/frames/1").status_code) == (200, 401)
    assert client.get("/studies/1.2.3/view/").status_code == 302


def test_whoever_may_share_revokes_a_link(client, visitor, acts):
    guest = visitor()

    client.post(ACCESS, {"do": "revoke-link", "key": ShareLink.objects.get().pk})

    assert guest.get(f"{IMAGE}/frames/1").status_code == 401
    assert [act.what for act in acts if act.action == Action.SHARE][-1] == "share link revoked"


@pytest.mark.parametrize("token", ["guessed", "x" * 64, "x" * 5000, "%ED%A0%80"])
def test_a_secret_that_is_none_opens_nothing(study, token):
    client = Client()

    assert client.get(f"/share/{token}/").status_code == 404
    assert client.post(f"/share/{token}/").status_code == 404


def test_secrets_are_not_tried_by_the_thousand(share, monkeypatch):
    path = share()
    monkeypatch.setattr(page, "retry_after", lambda *_: 60)

    response = Client().post(path)

    assert (response.status_code, response["Retry-After"]) == (429, "60")
    assert ShareLink.objects.get().opened_count == 0


def test_a_link_takes_nobody_out_of_their_own_session(share, sign_in):
    clinician = sign_in("clinician")

    response = clinician.post(share())

    assert "You are signed in" in response.content.decode()
    assert clinician.get("/studies/1.2.3/view/").status_code == 404
    assert ShareLink.objects.get().opened_count == 0


# --- What a visitor sees -------------------------------------------------------------------------


def test_the_viewer_has_what_it_needs_of_the_study(visitor):
    client = visitor()

    page = client.get("/studies/1.2.3/view/").content.decode()

    assert "Müller^Jürgen" in page
    assert 'href="/studies/1.2.3/"' not in page
    assert json_of(client.get("/dicom-web/studies/1.2.3/series"))[0]["0020000E"]
    assert json_of(client.get(f"{SERIES}/metadata"))[0]["00100020"]["Value"] == ["MRN-1"]
    assert client.get("/api/studies/1.2.3/measurements/").json()["may_save"] is False


def test_priors_are_not_told(visitor, store):
    store(make_file(StudyInstanceUID="1.5", SeriesInstanceUID="1.5.9", SOPInstanceUID="1.5.9.1"))

    hanging = visitor().get("/api/studies/1.2.3/hanging/").json()

    assert (hanging["others"], hanging["prior"]) == ([], None)


def test_a_visitor_costs_two_queries_to_know(visitor, django_assert_num_queries):
    client = visitor()

    with django_assert_num_queries(4):  # session, link, the frame, the audit trail
        client.get(f"{IMAGE}/frames/1")


# --- Without identity ----------------------------------------------------------------------------

HIDDEN = {"share-deidentified": "on"}


def test_no_answer_tells_whose_the_images_are(visitor):
    client = visitor(**HIDDEN)

    for path in (
        "/studies/1.2.3/view/", "/dicom-web/studies/1.2.3/series", f"{SERIES}/metadata",
        f"{IMAGE}/frames/1", f"{SERIES}/thumbnail", "/api/studies/1.2.3/hanging/",
        "/api/studies/1.2.3/presentation/", "/api/studies/1.2.3/measurements/",
        "/api/studies/1.2.3/key-images/",
    ):  # fmt: skip
        response = client.get(path)
        assert response.status_code == 200, path
        assert not IDENTITY.search(body(response).decode("latin-1")), path
        assert not IDENTITY.search(str(response.headers)), path


def test_the_header_keeps_what_the_pixels_need_and_says_that_identity_is_gone(visitor):
    (header,) = json_of(visitor(**HIDDEN).get(f"{SERIES}/metadata"))

    assert header["00280010"] == {"vr": "US", "Value": [4]}
    assert header["00280030"] == {"vr": "DS", "Value": [0.5, 0.5]}
    assert header["00120062"] == {"vr": "CS", "Value": ["YES"]}
    assert "00100010" not in header
    assert "00080080" not in header


def test_a_search_cannot_be_used_to_guess_names(visitor):
    client = visitor(**HIDDEN)

    answers = {
        client.get(f"/dicom-web/studies/1.2.3/series?{keys}").content
        for keys in ("PatientName=M*", "PatientName=X*", "includefield=all", "")
    }

    assert len(answers) == 1


@pytest.mark.parametrize(
    "path",
    [
        IMAGE, f"{IMAGE}/metadata", f"{IMAGE}/bulkdata/00420011", f"{IMAGE}/rendered",
        "/dicom-web/studies/1.2.3?accept=application/zip", f"{SERIES}/rendered",
        "/studies/1.2.3/documents/1.2.3.9/1.2.3.4/", "/dicom-web/studies/1.2.3/metadata",
        "/dicom-web/wado-uri?requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.9&objectUID=1.2.3.4",
    ],
)  # fmt: skip
def test_whole_instances_and_what_is_drawn_with_names_are_not_to_be_had(visitor, path):
    assert visitor(**HIDDEN).get(path).status_code in (302, 404)


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        (
            {"SOPClassUID": US, "Modality": "US"},
            "It has images of US of a kind that often has text",
        ),
        ({"SOPClassUID": SECONDARY_CAPTURE}, "It has images of CT of a kind that often has text"),
        ({"BurnedInAnnotation": "YES"}, "text is burned into them"),
        ({"Rows": None, "Columns": None, "PixelData": None}, "It has no images."),
    ],
    ids=["ultrasound", "a secondary capture among CTs", "burned in", "no image"],
)
def test_what_tells_a_name_in_the_picture_is_not_shared_without_identity(
    client, store, attributes, why
):
    store(make_file(**attributes))
    form = {"do": "share", "share-recipient": "Dr Who", "share-days": "7"} | HIDDEN

    response = client.post(ACCESS, form)

    assert why in response.content.decode()
    assert not ShareLink.objects.exists()


@pytest.mark.parametrize(
    "attributes",
    [{"SOPClassUID": SECONDARY_CAPTURE}, {"BurnedInAnnotation": "YES"}, {"SOPClassUID": SR}],
    ids=["a secondary capture", "burned in", "a report"],
)
def test_what_comes_later_is_shown_only_if_it_tells_no_name(visitor, store, attributes):
    client = visitor(**HIDDEN)
    later = {"SOPInstanceUID": "1.2.3.5", "InstanceNumber": "2"}
    store(make_file(**later | attributes))
    other = {"SeriesInstanceUID": "1.2.3.8", "SOPInstanceUID": "1.2.3.6"}
    store(make_file(**other | attributes))

    headers = json_of(client.get(f"{SERIES}/metadata"))
    series = json_of(client.get("/dicom-web/studies/1.2.3/series"))

    assert [header["00080018"]["Value"] for header in headers] == [["1.2.3.4"]]
    assert [one["0020000E"]["Value"] for one in series] == [["1.2.3.9"]]
    assert client.get(f"{SERIES}/instances/1.2.3.5/frames/1").status_code == 404
