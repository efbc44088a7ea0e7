"""Whatever the archive holds and whoever asks for whatever: no answer names what is not for them."""

import datetime
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from studies.models import (
    EmergencyAccess,
    Instance,
    Patient,
    Series,
    Site,
    Source,
    StoredObject,
    Study,
    StudyGrant,
    StudyScope,
)
from studies.tests.addresses import ADDRESSES
from studies.tests.answers import body

pytestmark = pytest.mark.django_db

NOW = timezone.now()
LATER, OVER = NOW + datetime.timedelta(hours=1), NOW - datetime.timedelta(hours=1)
SITES = [("North", "A"), ("North", "B"), ("South", ""), ("East", "A")]
SCOPES = [("north", ""), ("North", "b"), ("South", ""), ("South", "A"), ("EAST", "A")]
READABLE = [
    address
    for address in ADDRESSES
    if address.method == "GET" and not address.route.startswith("accounts/")
]


@dataclass(frozen=True)
class Made:
    """A study as it is drawn: of which patient, at which site, and what is given of it."""

    patient: int
    site: int | None
    grant: str
    emergency: str

    @property
    def is_open(self) -> bool:
        return self.grant == "holds"


states = st.sampled_from(["none", "none", "holds", "over", "revoked"])
studies = st.builds(
    Made, st.integers(0, 2), st.none() | st.integers(0, len(SITES) - 1), states, states
)
TIMES = {
    "holds": {"expires_at": LATER},
    "over": {"expires_at": OVER},
    "revoked": {"expires_at": LATER, "revoked_at": OVER},
}


def uid_of(number: int) -> str:
    """None is the beginning of another."""
    return f"1.77{number}00"


def is_seen(made: Made, archive: list[Made], scopes: set[tuple[str, str]]) -> bool:
    """As the rules say it in words, without the code that is tested."""
    opened = {other.patient for other in archive if other.emergency == "holds"}
    if made.grant == "holds" or made.patient in opened:
        return True
    if made.site is None:
        return False
    institution, department = SITES[made.site]
    return any(
        institution.upper() == of.upper() and part.upper() in ("", department.upper())
        for of, part in scopes
    )


def fill(archive: list[Made], scopes: set[tuple[str, str]], user: User) -> None:
    stored = StoredObject.objects.create(
        object_key="one", source=Source.IMPORT, size_bytes=1, header_json="{}"
    )
    sites = [
        Site.objects.create(institution_name=name, institutional_department_name=department)
        for name, department in SITES
    ]
    people = [Patient.objects.create(patient_id=f"P{number}") for number in range(3)]
    for number, made in enumerate(archive):
        uid, patient = uid_of(number), people[made.patient]
        study = Study.objects.create(
            patient_record=patient, patient_id=patient.patient_id, study_instance_uid=uid,
            site=None if made.site is None else sites[made.site], modalities_in_study=["CT"],
            study_date=datetime.date(2024, 1, number + 1), accession_number=f"A{9 - number}",
        )  # fmt: skip
        series = Series.objects.create(
            study=study, series_instance_uid=f"{uid}.9", modality="CT",
            number_of_series_related_instances=1,
        )  # fmt: skip
        Instance.objects.create(
            series=series, stored_object=stored, sop_instance_uid=f"{uid}.9.1", rows=1, columns=1,
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        )  # fmt: skip
        if made.grant != "none":
            StudyGrant.objects.create(
                study=study, user=user, granted_by=user, reason="x", **TIMES[made.grant]
            )
        if made.emergency != "none":
            EmergencyAccess.objects.create(
                patient_record=patient, user=user, reason="x", **TIMES[made.emergency]
            )
    for institution, department in scopes:
        StudyScope.objects.create(
            user=user, institution_name=institution, institutional_department_name=department
        )


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    archive=st.lists(studies, min_size=2, max_size=5),
    scopes=st.sets(st.sampled_from(SCOPES), max_size=2),
    asked=st.lists(
        st.tuples(st.sampled_from(READABLE), st.integers(0, 4)), min_size=8, max_size=12
    ),
    data=st.data(),
)
def test_no_answer_names_what_is_not_for_who_asks(db, archive, scopes, asked, data):
    with transaction.atomic():
        user = User.objects.create_user("curie")
        user.groups.add(Group.objects.get(name="clinician"))
        fill(archive, scopes, user)
        seen = {
            uid_of(number) for number, made in enumerate(archive) if is_seen(made, archive, scopes)
        }
        hidden = {uid_of(number) for number in range(len(archive))} - seen
        client = Client()
        client.force_login(user)

        found = {row["0020000D"]["Value"][0] for row in client.get("/dicom-web/studies").json()}
        edge = Study.objects.order_by("pk")[data.draw(st.integers(0, len(archive) - 1))].pk
        lists = ["/", f"/?sort=accession&after={edge}", f"/api/studies/?before={edge}"]
        paths = lists + [
            address.path.replace("{study}", uid_of(number % len(archive)))
            for address, number in asked
        ]
        answers = {path: body(client.get(path)).decode("latin-1") for path in paths}
        transaction.set_rollback(True)

    assert found == seen
    for path, answer in answers.items():
        named = {uid for uid in hidden if uid in answer}
        # What the request itself has named, an answer may repeat; it says no more of it.
        assert not {uid for uid in named if f"{uid}.9" in answer or uid not in path}, path
