"""Whatever people do one after the other: one event for each act, and the chains hold."""

import random

import pytest

from monitoring.audit.chain import find_faults, read_heads
from monitoring.audit.codes import REPEATED
from monitoring.models import AuditEvent
from monitoring.tests.test_audit import JSON, WHY
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

READS = [
    ("/", "studies searched"), ("/studies/{}/", "study opened"),
    ("/studies/{}/view/", "viewer opened"), ("/api/studies/{}/", "study read"),
    ("/api/studies/{}/report/", "study read"), ("/dicom-web/studies", "studies searched"),
    ("/dicom-web/studies/{}/metadata", "study read"), ("/dicom-web/studies/{}", "instances retrieved"),
    ("/dicom-web/studies/{}?accept=application/zip", "study downloaded"),
    ("/dicom-web/studies/{}/series/{}.9/instances/{}.4/frames/1", "images read"),
]  # fmt: skip
STUDIES = ["1.2.3", "1.2.4", "1.2.5"]


class Walk:
    """Who did what, and what has to stand in the trail of it."""

    def __init__(self, seed, sign_in):
        self.chance = random.Random(seed)
        self.clients = {role: sign_in(role) for role in ("radiologist", "operator", "data steward")}
        self.deleted, self.expected, self.remembered = set(), [], set()

    def step(self):
        role, study = self.chance.choice(list(self.clients)), self.chance.choice(STUDIES)
        kind = self.chance.choices(["read", "draft", "delete"], [8, 2, 1])[0]
        getattr(self, kind)(self.clients[role], role, study)

    def read(self, client, role, study):
        path, what = self.chance.choice(READS)
        response = client.get(path.format(study, study, study), headers={"accept": "*/*"})
        if response.streaming:
            b"".join(response)
        is_there = "{" not in path or (role != "operator" and study not in self.deleted)
        about = (study,) if "{" in path else ()
        self.expect(role, what if is_there else "not found", is_there, about)

    def draft(self, client, role, study):
        report = client.get(f"/api/studies/{study}/report/")
        is_there = role != "operator" and study not in self.deleted
        self.expect(role, "study read" if is_there else "not found", is_there, (study,))
        known = report.json().get("report") if is_there else None
        body = {"version": known and known["version"], "findings": str(self.chance.random())}
        client.put(f"/api/studies/{study}/report/", body, content_type=JSON)
        what = "report draft saved" if role == "radiologist" else "not permitted"
        self.expect(
            role, what if is_there else "not found", is_there and role == "radiologist", (study,)
        )

    def delete(self, client, role, study):
        client.delete(f"/dicom-web/studies/{study}", WHY, content_type=JSON)
        if role != "data steward":
            self.expect(role, "not permitted", False, (study,))
        elif study in self.deleted:
            self.expect(role, "not found", False, (study,))
        else:
            self.deleted.add(study)
            self.expect(role, "study deleted", True, (study,))

    def expect(self, role, what, is_done, studies):
        event = (f"{role}-1", what, "success" if is_done else "refused", studies)
        if what not in REPEATED or event not in self.remembered:
            self.expected.append(event)
        if what in REPEATED:
            self.remembered.add(event)


@pytest.mark.parametrize("seed", range(2))
def test_a_random_walk_leaves_one_event_for_each_act(sign_in, store, seed):
    for study in STUDIES:
        store(
            make_file(StudyInstanceUID=study, SeriesInstanceUID=f"{study}.9", SOPInstanceUID=f"{study}.4")
        )  # fmt: skip
    walk = Walk(seed, sign_in)
    before = AuditEvent.objects.count()

    for _ in range(60):
        walk.step()

    kept = AuditEvent.objects.order_by("pk").values_list("actor", "what", "outcome", "study_uids")
    found = [(actor, what, outcome, tuple(uids)) for actor, what, outcome, uids in kept[before:]]
    assert found == walk.expected
    assert list(find_faults(read_heads(), [])) == []
