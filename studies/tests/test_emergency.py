"""Break-glass: who may open a patient in an emergency, what it takes, who is told, how it ends."""

import datetime
import re

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.utils import timezone

from accounts.acts import Action
from accounts.models import User
from studies.models import EmergencyAccess, Notification
from studies.portal import emergency as page
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

REASON = "Unconscious in the emergency department"


@pytest.fixture
def patient(store):
    """With two studies of a site that nobody was given."""
    for number in (3, 4):
        store(
            make_file(
                StudyInstanceUID=f"1.2.{number}", SeriesInstanceUID=f"1.2.{number}.9",
                SOPInstanceUID=f"1.2.{number}.9.1", AccessionNumber=f"ACC-{number}",
                StudyDate=f"2024010{number}", InstitutionName="Elsewhere",
            )
        )  # fmt: skip


@pytest.fixture
def clinician(sign_in, patient):
    return sign_in("clinician")


def open_patient(client, **said):
    form = {"number": "MRN-1", "reason": REASON, "answerable": "on"} | said
    return client.post("/emergency/", form)


def page_of(client, path="/") -> str:
    return client.get(path).content.decode()


@pytest.mark.parametrize("number", ["MRN-1", " MRN-1 ", "ACC-4"])
def test_all_of_the_patient_is_open_at_once_in_list_images_and_searches(clinician, number):
    before = clinician.get("/dicom-web/studies").json()
    response = open_patient(clinician, number=number)

    assert before == []
    assert response.status_code == 302
    assert page_of(clinician, response["Location"]).count("MRN-1</td>") == 2
    assert len(clinician.get("/dicom-web/studies").json()) == 2
    assert clinician.get("/studies/1.2.3/view/").status_code == 200
    image = "/dicom-web/studies/1.2.3/series/1.2.3.9/instances/1.2.3.9.1"
    assert clinician.get(f"{image}/frames/1").status_code == 200


def test_the_address_that_it_leads_to_holds_no_number_of_the_patient(clinician):
    assert "MRN" not in open_patient(clinician)["Location"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"number": "MRN-2"}, "There is no patient of that number."),
        ({"number": "MRN"}, "There is no patient of that number."),
        ({"number": "MRN-1", "issuer": "OTHER"}, "There is no patient of that number."),
        ({"reason": "urgent"}, "Say in at least 10 characters what the emergency is."),
        ({"reason": "urgent    \u202e   "}, "Say in at least 10 characters"),
        ({"reason": ""}, "This field is required."),
        ({"answerable": ""}, "This field is required."),
    ],
)
def test_what_is_not_whole_opens_nothing_and_is_told_why(clinician, said, why):
    response = open_patient(clinician, **said)

    assert response.status_code == 200
    assert why in response.content.decode()
    assert not EmergencyAccess.objects.exists()


def test_of_several_patients_with_one_number_the_issuer_says_which(clinician, store):
    store(
        make_file(
            StudyInstanceUID="1.3", SeriesInstanceUID="1.3.9", SOPInstanceUID="1.3.9.1",
            IssuerOfPatientID="OTHER",
        )
    )  # fmt: skip

    unclear = open_patient(clinician).content.decode()
    open_patient(clinician, issuer="OTHER")

    assert "Several patients have this number" in unclear
    assert EmergencyAccess.objects.get().patient_record.issuer_of_patient_id == "OTHER"


@pytest.mark.parametrize(
    "role", ["technologist", "data steward", "administrator", "operator", None]
)
def test_other_roles_may_not(sign_in, patient, role):
    assert open_patient(sign_in(role)).status_code == 403


def test_who_sees_every_study_needs_none(sign_in, patient):
    response = open_patient(sign_in("radiologist"))

    assert "You see every study already" in response.content.decode()
    assert not EmergencyAccess.objects.exists()


def test_it_lasts_as_long_as_the_settings_say_and_a_strip_tells_so_everywhere(clinician, settings):
    settings.PACS_BREAK_GLASS_MINUTES = 30
    open_patient(clinician)

    access = EmergencyAccess.objects.get()
    assert access.expires_at - access.opened_at == pytest.approx(
        datetime.timedelta(minutes=30), abs=datetime.timedelta(seconds=5)
    )
    for path in ("/", "/notifications/", "/studies/1.2.3/", "/studies/1.2.3/view/", "/emergency/"):
        strip = re.search(r'data-emergency-seconds="(\d+)"', page_of(clinician, path))
        assert strip, path
        assert 1700 < int(strip[1]) <= 1800, path


def test_it_is_over_when_its_time_is(clinician):
    open_patient(clinician)
    EmergencyAccess.objects.update(expires_at=timezone.now() - datetime.timedelta(seconds=1))

    assert clinician.get("/dicom-web/studies").json() == []
    assert clinician.get("/studies/1.2.3/").status_code == 404
    assert "data-emergency-seconds" not in page_of(clinician)


def test_whoever_opened_it_ends_it_with_all_that_they_opened_of_the_patient(clinician):
    open_patient(clinician)
    open_patient(clinician, number="ACC-3", reason="A second emergency")
    key = EmergencyAccess.objects.earliest("pk").pk

    response = clinician.post(f"/emergency/{key}/end/")

    assert response.status_code == 302
    assert clinician.get("/dicom-web/studies").json() == []
    assert clinician.post(f"/emergency/{key}/end/").status_code == 404


def test_nobody_ends_what_another_has_opened(clinician, sign_in):
    open_patient(clinician)

    response = sign_in("radiologist").post(f"/emergency/{EmergencyAccess.objects.get().pk}/end/")

    assert response.status_code == 404
    assert len(clinician.get("/dicom-web/studies").json()) == 2


def test_stewards_and_administrators_are_told_who_and_why(clinician, sign_in):
    steward = sign_in("data steward")
    away = User.objects.create_user("away", is_active=False)
    away.groups.add(Group.objects.get(name="administrator"))

    open_patient(clinician)

    told = page_of(steward, "/notifications/")
    assert [row.recipient.username for row in Notification.objects.all()] == ["data steward-1"]
    assert "Emergency access" in told
    assert f"by clinician-1: {REASON}" in told
    assert "2024-01-04" in told


def test_others_are_told_by_mail_without_the_patient(
    clinician, settings, django_capture_on_commit_callbacks
):
    settings.PACS_ALERT_EMAILS = ["privacy@example.org"]

    with django_capture_on_commit_callbacks(execute=True):
        open_patient(clinician)

    (letter,) = mail.outbox
    assert letter.to == ["privacy@example.org"]
    assert "clinician-1" in letter.body
    assert not re.search("MRN|Müller|1970|Unconscious", letter.subject + letter.body)


def test_no_mail_server_keeps_nobody_from_the_patient(
    clinician, settings, django_capture_on_commit_callbacks, caplog
):
    settings.PACS_ALERT_EMAILS = ["privacy@example.org"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    with django_capture_on_commit_callbacks(execute=True):
        response = open_patient(clinician)

    assert response.status_code == 302
    assert "Error calling" in caplog.text
    assert "MRN" not in caplog.text


def test_opening_and_ending_are_told_to_the_audit_trail(clinician, acts):
    open_patient(clinician)
    clinician.post(f"/emergency/{EmergencyAccess.objects.get().pk}/end/")

    opened, ended = (act for act in acts if act.action == Action.BREAK_GLASS)
    assert (opened.what, ended.what) == ("emergency access opened", "emergency access ended")
    assert opened.patients == [("MRN-1", "HOSPITAL")]
    assert opened.detail == {"reason": REASON}
    assert opened.is_change


def test_numbers_are_not_tried_by_the_dozen(clinician, monkeypatch):
    monkeypatch.setattr(page, "retry_after", lambda *_: 30)

    response = open_patient(clinician)

    assert (response.status_code, response["Retry-After"]) == (429, "30")
    assert not EmergencyAccess.objects.exists()


def test_the_way_there_is_shown_to_whom_it_helps(clinician, sign_in):
    link = 'href="/emergency/"'

    assert link in page_of(clinician)
    assert link not in page_of(sign_in("radiologist"))
