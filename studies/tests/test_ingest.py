"""The one way in: what is acknowledged, refused, kept apart."""

import hashlib
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from django.conf import settings as django_settings
from django.db import connection

from studies import signals
from studies.errors import InstanceTooLargeError, InvalidInstanceError, StorageError
from studies.ingest import Outcome
from studies.models import (
    Instance,
    InstanceConflict,
    Patient,
    QuarantinedInput,
    Series,
    StoredObject,
    Study,
)
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db


def test_an_instance_becomes_rows_of_all_four_levels(store):
    store(make_file())

    instance = Instance.objects.select_related("series__study__patient_record").get()
    assert instance.sop_instance_uid == "1.2.3.4"
    assert instance.series.modality == "CT"
    assert instance.series.study.accession_number == "ACC-1"
    assert instance.series.study.patient_record.patient_id == "MRN-1"


def test_the_study_row_repeats_the_patient_and_folds_the_name(store):
    store(make_file())

    study = Study.objects.get()
    assert (study.patient_name, study.patient_name_folded) == ("Müller^Jürgen", "muller jurgen")
    assert study.study_moment.isoformat() == "2024-01-05T10:15:00+00:00"


def test_the_three_groups_of_a_name_are_kept_apart(store):
    store(make_file(PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう"))

    study = Study.objects.get()
    assert study.patient_name == "Yamada^Tarou"
    assert study.patient_name_ideographic == "山田^太郎"
    assert study.patient_name_phonetic == "やまだ^たろう"
    assert study.patient_name_folded == "yamada tarou=山田 太郎=やまた たろう"


def test_the_stored_bytes_are_those_received(store, object_store):
    content = make_file()

    store(content)

    stored = StoredObject.objects.get()
    assert (object_store / stored.object_key).read_bytes() == content
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert stored.size_bytes == len(content)


def test_aggregates_count_series_instances_bytes_and_modalities(store):
    files = [
        make_file(SOPInstanceUID="1.1", SeriesInstanceUID="1.2.3.1"),
        make_file(SOPInstanceUID="1.2", SeriesInstanceUID="1.2.3.1"),
        make_file(SOPInstanceUID="1.3", SeriesInstanceUID="1.2.3.2", Modality="SR"),
    ]

    for content in files:
        store(content)

    study = Study.objects.get()
    assert study.modalities_in_study == ["CT", "SR"]
    assert study.number_of_study_related_series == 2
    assert study.number_of_study_related_instances == 3
    assert study.size_bytes == sum(map(len, files))


def test_the_same_bytes_again_are_a_success_and_nothing_doubles(store, object_store):
    store(make_file())

    result = store(make_file())

    assert result.outcome is Outcome.ALREADY_STORED
    assert (Instance.objects.count(), StoredObject.objects.count()) == (1, 1)
    assert len([p for p in object_store.rglob("*") if p.is_file()]) == 1


def test_other_content_under_the_same_uid_is_kept_apart_and_the_first_stays(store, object_store):
    store(make_file())

    result = store(make_file(PixelData=bytes(32)))

    conflict = InstanceConflict.objects.get()
    assert result.outcome is Outcome.CONFLICT
    assert conflict.reason == "content"
    assert (object_store / conflict.object_key).is_file()
    assert StoredObject.objects.get().sha256 != conflict.sha256


def test_a_conflict_that_comes_twice_is_kept_once(store):
    store(make_file())

    for _ in range(2):
        store(make_file(PixelData=bytes(32)))

    assert InstanceConflict.objects.count() == 1


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"StudyInstanceUID": "1.2.7", "SeriesInstanceUID": "1.2.7.1"}, "study"),
        ({"SOPInstanceUID": "1.2.3.5", "StudyInstanceUID": "1.2.7"}, "series"),
        ({"SOPInstanceUID": "1.2.3.5", "PatientID": "MRN-2"}, "patient"),
        ({"SOPInstanceUID": "1.2.3.5", "IssuerOfPatientID": "OTHER"}, "patient"),
    ],
)
def test_a_known_uid_under_another_parent_is_kept_apart(store, attributes, reason):
    store(make_file())

    store(make_file(**attributes))

    assert InstanceConflict.objects.get().reason == reason
    assert (Patient.objects.count(), Study.objects.count(), Series.objects.count()) == (1, 1, 1)


def test_the_same_patient_id_of_another_issuer_is_another_patient(store):
    store(make_file())
    store(
        make_file(
            SOPInstanceUID="2.1", SeriesInstanceUID="2.2", StudyInstanceUID="2.3",
            IssuerOfPatientID="OTHER",
        )
    )  # fmt: skip

    assert Patient.objects.count() == 2


@pytest.mark.parametrize("issuers", [("HOSPITAL", None), (None, "HOSPITAL")])
def test_an_instance_that_names_no_issuer_belongs_to_the_study_all_the_same(store, issuers):
    store(make_file(IssuerOfPatientID=issuers[0]))

    result = store(make_file(SOPInstanceUID="1.2.3.5", IssuerOfPatientID=issuers[1]))

    assert result.outcome is Outcome.STORED
    assert Patient.objects.count() == 1


def test_an_empty_patient_id_never_links_two_studies(store):
    for number in ("1", "2"):
        store(
            make_file(
                PatientID="", SOPInstanceUID=f"{number}.1", SeriesInstanceUID=f"{number}.2",
                StudyInstanceUID=f"{number}.3",
            )
        )  # fmt: skip

    assert Patient.objects.count() == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"just a text file " * 20, "DICM prefix", id="text file"),
        pytest.param(b"", "too short", id="empty file"),
        pytest.param(make_file()[:-10], "longer than what holds it", id="truncated"),
        pytest.param(make_file(SOPInstanceUID="../../etc/x"), "not a UID", id="path-like UID"),
        pytest.param(make_file(StudyInstanceUID=None), "missing", id="no study UID"),
        pytest.param(make_file(SeriesInstanceUID="1" * 65), "not a UID", id="UID too long"),
        pytest.param(make_file(Rows=4000), "shorter than its rows", id="too few pixels"),
        pytest.param(
            make_file(NumberOfFrames="99999999999"), "shorter|promise", id="too many frames"
        ),
    ],
)
def test_what_is_no_instance_goes_to_quarantine_with_its_reason(
    store, object_store, content, reason
):
    with pytest.raises(InvalidInstanceError, match=reason):
        store(content)

    held = QuarantinedInput.objects.get()
    assert (object_store / held.object_key).read_bytes() == content
    assert Study.objects.count() == 0


def test_a_refused_file_that_comes_twice_is_kept_once(store):
    for _ in range(2):
        with pytest.raises(InvalidInstanceError):
            store(b"no DICOM" * 50)

    assert QuarantinedInput.objects.count() == 1


def test_a_file_beyond_the_limit_is_refused_and_not_kept(store, object_store, settings):
    settings.PACS_MAX_INSTANCE_BYTES = 1000

    with pytest.raises(InstanceTooLargeError):
        store(make_file(PixelData=bytes(2000), Rows=25, Columns=40))

    assert QuarantinedInput.objects.get().object_key is None
    assert not [p for p in object_store.rglob("*") if p.is_file()]


def test_a_deflate_bomb_is_refused(store, settings):
    bomb = make_file("1.2.840.10008.1.2.1.99", PixelData=bytes(128 * 1024 * 1024))

    with pytest.raises(InstanceTooLargeError, match="honest"):
        store(bomb)

    assert "honest" in QuarantinedInput.objects.get().reason


def test_nothing_is_acknowledged_when_the_store_fails(store, settings):
    settings.OBJECT_STORE_URL = "file:///proc/no-such-place"

    with pytest.raises(StorageError):
        store(make_file())

    assert Study.objects.count() == 0


def test_a_receiver_sees_each_new_instance_once(store):
    seen = []
    receiver = lambda instance, **_: seen.append(instance.sop_instance_uid)  # noqa: E731
    signals.instance_stored.connect(receiver)

    store(make_file())
    store(make_file())

    assert seen == ["1.2.3.4"]


def test_a_receiver_that_fails_undoes_the_index(store):
    def refuse(**_):
        raise RuntimeError

    signals.instance_stored.connect(refuse)
    try:
        with pytest.raises(RuntimeError):
            store(make_file())
    finally:
        signals.instance_stored.disconnect(refuse)

    assert Instance.objects.count() == 0


# --- Several processes -----------------------------------------------------------------------

SENDER = """
    import io, os, signal, sys
    import django
    django.setup()
    from django.conf import settings
    settings.DATABASES["default"]["NAME"] = {database!r}
    settings.OBJECT_STORE_URL = {store!r}
    from studies import index
    from studies.ingest import Provenance, store_instance
    from studies.models import Source
    from studies.tests.builders import make_file
    {before}
    print("ready", flush=True)
    sys.stdin.readline()
    for uid in sys.argv[1:]:
        series = uid.split(".")[1]
        content = make_file(
            SOPInstanceUID=uid, SeriesInstanceUID="1.2.3." + series, Modality="M" + series
        )
        print(store_instance(io.BytesIO(content), provenance=Provenance(Source.IMPORT)).outcome, flush=True)
"""


def start_sender(uids: list[str], store_url: str, before: str = "") -> subprocess.Popen[str]:
    """A process that is ready to send, and does at a line on its standard input."""
    code = textwrap.dedent(SENDER).format(
        database=connection.settings_dict["NAME"], store=store_url, before=before
    )
    sender = subprocess.Popen(
        [sys.executable, "-c", code, *uids], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, cwd=django_settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "pacs_portal.settings_test"},
    )  # fmt: skip
    assert sender.stdout.readline() == "ready\n"
    return sender


# Every transaction lasts a while, so that two of one study would meet.
SLOWLY = (
    "import time; from studies import signals;"
    "signals.instance_stored.connect(lambda **_: time.sleep(0.01), weak=False)"
)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_processes_that_ingest_one_study_end_with_the_right_aggregates(settings):
    # Modalities of single images, which no later image would mend, and a series of several.
    shared = [f"1.{series}.1" for series in range(20)] + [
        f"1.0.{number}" for number in range(2, 12)
    ]
    senders = [
        start_sender(uids, settings.OBJECT_STORE_URL, before=SLOWLY)
        for uids in (shared, shared[10:] + shared[:10])
    ]
    for sender in senders:
        sender.stdin.write("go\n")
        sender.stdin.flush()

    outcomes = [sender.communicate(timeout=60)[0].split("\n") for sender in senders]

    study = Study.objects.get()
    assert sum(lines.count("stored") for lines in outcomes) == 30
    assert sum(lines.count("already stored") for lines in outcomes) == 30
    assert all("stored" in lines for lines in outcomes)
    assert (Patient.objects.count(), StoredObject.objects.count()) == (1, 30)
    assert study.modalities_in_study == sorted(f"M{series}" for series in range(20))
    assert study.number_of_study_related_series == 20
    assert study.number_of_study_related_instances == 30
    assert study.size_bytes == sum(StoredObject.objects.values_list("size_bytes", flat=True))


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(
            "from studies import storage;"
            "storage.put = lambda *_: os.kill(os.getpid(), signal.SIGKILL)",
            id="gathered, not yet written",
        ),
        pytest.param(
            "from pathlib import Path;"
            "Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)",
            id="written, not yet named",
        ),
        pytest.param(
            "index.index_instances = lambda *_: os.kill(os.getpid(), signal.SIGKILL)",
            id="object written, no row yet",
        ),
        pytest.param(
            "from studies import signals;"
            "signals.instance_stored.connect("
            "lambda **_: os.kill(os.getpid(), signal.SIGKILL), weak=False)",
            id="rows written, not committed",
        ),
    ],
)
def test_a_kill_before_the_commit_leaves_nothing_visible_and_the_sender_may_repeat(
    settings, moment
):
    killed = start_sender(["1.1.1"], settings.OBJECT_STORE_URL, before=moment)

    acknowledged, _ = killed.communicate("go\n", timeout=60)

    assert (killed.returncode, acknowledged) == (-signal.SIGKILL, "")
    assert (Study.objects.count(), StoredObject.objects.count()) == (0, 0)
    again = start_sender(["1.1.1"], settings.OBJECT_STORE_URL)
    assert again.communicate("go\n", timeout=60)[0] == "stored\n"


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_kill_between_commit_and_acknowledgement_is_healed_by_the_repetition(settings):
    killed = start_sender(
        ["1.1.1"], settings.OBJECT_STORE_URL,
        before="from django.db import transaction; from studies import signals;"
        "signals.instance_stored.connect(lambda **_: transaction.on_commit("
        "lambda: os.kill(os.getpid(), signal.SIGKILL)), weak=False)",
    )  # fmt: skip

    acknowledged, _ = killed.communicate("go\n", timeout=60)

    assert (killed.returncode, acknowledged) == (-signal.SIGKILL, "")
    again = start_sender(["1.1.1"], settings.OBJECT_STORE_URL)
    assert again.communicate("go\n", timeout=60)[0] == "already stored\n"
    assert Study.objects.get().number_of_study_related_instances == 1


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_kill_after_the_acknowledgement_loses_nothing(settings, object_store):
    sender = start_sender(["1.1.1", "1.1.2"], settings.OBJECT_STORE_URL)
    sender.stdin.write("go\n")
    sender.stdin.flush()
    assert sender.stdout.readline() == "stored\n"

    sender.kill()
    sender.communicate(timeout=60)

    stored = StoredObject.objects.get(instances__sop_instance_uid="1.1.1")
    assert hashlib.sha256((object_store / stored.object_key).read_bytes()).hexdigest() == (
        stored.sha256
    )
