"""Real files through the one way in, against a list of what an archive should do with each."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import call_command

from studies.errors import InvalidInstanceError
from studies.ingest import Outcome
from studies.models import Instance, QuarantinedInput
from studies.tests.builders import SAMPLES
from studies.tests.samples import parse

pytestmark = pytest.mark.filterwarnings(r"ignore:::pydicom\..*")

LISTED = json.loads(Path(__file__).with_name("samples.json").read_text())["files"]
each = pytest.mark.parametrize("sample", LISTED, ids=lambda sample: sample["file"])


def content_of(file: str) -> bytes:
    return (SAMPLES / file).read_bytes()


def expected(sample: dict[str, str]) -> str:
    if sample["expect"] == "accept":
        return Outcome.CONFLICT if "dup_of" in sample else Outcome.STORED
    return sample["expect"]


def take_in(store, sample: dict[str, str]) -> str:
    """What became of it, in the words of the list."""
    try:
        return store(content_of(sample["file"])).outcome
    except InvalidInstanceError:
        return "reject"


@each
@pytest.mark.django_db
def test_a_sample_is_accepted_kept_apart_or_refused(store, sample):
    if "dup_of" in sample:
        store(content_of(sample["dup_of"]))

    assert take_in(store, sample) == expected(sample)


@pytest.mark.parametrize(
    "sample",
    [sample for sample in LISTED if sample["expect"] == "reject"],
    ids=lambda sample: sample["file"],
)
@pytest.mark.django_db
def test_a_refused_sample_is_in_quarantine_with_its_reason(store, sample):
    with pytest.raises(InvalidInstanceError) as refusal:
        store(content_of(sample["file"]))

    held = QuarantinedInput.objects.get()
    assert (held.reason, held.sha256) == (str(refusal.value), sample["sha256"])
    assert Instance.objects.count() == 0


@pytest.mark.django_db
def test_all_samples_one_after_another_give_what_is_listed(store):
    became = {sample["file"]: take_in(store, sample) for sample in LISTED}

    assert became == {sample["file"]: expected(sample) for sample in LISTED}
    assert Instance.objects.count() >= list(became.values()).count(Outcome.STORED)


@pytest.mark.django_db
def test_the_command_counts_them_as_listed(tmp_path, capsys):
    for number, sample in enumerate(LISTED):
        (tmp_path / f"{number:03}").write_bytes(content_of(sample["file"]))

    call_command("import_dicom", str(tmp_path), "--json")

    counts = Counter(expected(sample) for sample in LISTED)
    assert json.loads(capsys.readouterr().out) == {
        "accepted": counts[Outcome.STORED],
        "already there": 0,
        "conflicting": counts[Outcome.CONFLICT],
        "rejected": counts["reject"],
    }


@pytest.mark.parametrize(
    "sample",
    [sample for sample in LISTED if sample["expect"] == "accept"],
    ids=lambda sample: sample["file"],
)
def test_the_name_of_a_sample_is_read(sample):
    name = str(parse(content_of(sample["file"])).columns["PATIENT"]["patient_name"])

    assert name == sample.get("patient_name", "").rstrip("^ ")


@each
def test_the_list_is_of_these_files(sample):
    assert hashlib.sha256(content_of(sample["file"])).hexdigest() == sample["sha256"]
