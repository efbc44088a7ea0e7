"""Counts are what a plain recount gives, whatever happened before."""

import io
import itertools
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import close_old_connections, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from analytics import rollup
from analytics.models import Delta, Figure, Generation, Total
from analytics.tests.recount import counted, recount
from studies import deletion
from studies.ingest import Provenance, store_instance, store_instances
from studies.models import Instance, Source, Study
from studies.reports import writing
from studies.tests.builders import make_file

PROVENANCE = Provenance(Source.STOW)
# What several studies have in common, and how they differ; the last are wrong in every way.
STUDIES = (
    {"StudyInstanceUID": "1.1", "StudyDate": "20240105", "InstitutionName": "North", "TimezoneOffsetFromUTC": "+0530"},
    {"StudyInstanceUID": "1.2", "StudyDate": "20231231", "InstitutionName": "South", "ReferringPhysicianName": "=山田"},
    {"StudyInstanceUID": "1.3", "StudyDate": None, "InstitutionName": "North", "ReferringPhysicianName": None},
    {"StudyInstanceUID": "1.4", "StudyTime": None, "InstitutionName": " * \n", "ReferringPhysicianName": "*"},
)  # fmt: skip
SERIES = (
    {"Modality": "CT", "BodyPartExamined": "chest", "StationName": "CT01", "ManufacturerModelName": "Spiral"},
    {"Modality": "PT", "BodyPartExamined": None, "Manufacturer": "Maker"},
    {"Modality": "not a code", "BodyPartExamined": "*"},
)  # fmt: skip


@pytest.fixture
def steward(db):
    return User.objects.create_superuser("steward")


def store(study=0, series=0, number=0, **attributes):
    uid = f"1.{study + 1}.{series + 1}"
    content = make_file(
        SeriesInstanceUID=uid, SOPInstanceUID=f"{uid}.{number + 1}",
        **(STUDIES[study] | SERIES[series] | attributes),
    )  # fmt: skip
    return store_instance(io.BytesIO(content), provenance=PROVENANCE)


def delete(steward, study, series=None):
    found = Instance.objects.filter(series__study__study_instance_uid=f"1.{study + 1}")
    if series is not None:
        found = found.filter(series__series_instance_uid=f"1.{study + 1}.{series + 1}")
    if found.exists():
        uids = [f"1.{study + 1}"] + ([f"1.{study + 1}.{series + 1}"] if series is not None else [])
        deletion.delete(steward, *uids, reason="A phantom")


def sign(steward, study):
    uid = f"1.{study + 1}"
    if Study.objects.filter(study_instance_uid=uid, report=None).exists():
        writing.sign(steward, uid, version=None, sections={"findings": "None."})


a_study, a_series = st.integers(0, 3), st.integers(0, 2)
an_act = st.one_of(
    st.tuples(st.just("store"), a_study, a_series),
    st.tuples(st.just("store"), a_study, a_series),
    st.tuples(st.just("delete"), a_study, st.none() | a_series),
    st.tuples(st.just("sign"), a_study),
    st.tuples(st.just("fold"), st.integers(1, 30)),
    st.tuples(st.just("begin to rebuild")),
    st.tuples(st.just("go on rebuilding")),
)


@pytest.mark.django_db
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(an_act, min_size=4, max_size=14))
def test_after_any_history_the_counts_are_those_of_a_plain_recount(steward, acts):
    numbers = itertools.count()
    with transaction.atomic():
        rebuilding = iter(())
        for act, *values in acts:
            if act == "store":
                store(*values, number=next(numbers))
            elif act == "delete":
                delete(steward, *values)
            elif act == "sign":
                sign(steward, *values)
            elif act == "fold":
                rollup.fold(*values)
            elif act == "begin to rebuild":
                rebuilding = rollup.rebuild(batch=1)
            next(rebuilding, None)

        assert counted() == recount()
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_what_was_never_counted_is_counted_by_a_rebuild():
    store()
    Delta.objects.all().delete()
    Generation.objects.update(current=None)
    store(study=1)
    assert counted() == {}

    call_command("rebuild_rollups")

    assert counted() == recount()
    assert Total.objects.exists()


@pytest.mark.django_db
def test_a_rebuild_leaves_no_counts_of_before():
    store()
    rollup.fold_all()

    list(rollup.rebuild())

    current = Generation.objects.get().current
    assert set(Total.objects.values_list("generation", flat=True)) == {0, current}
    assert current == 2


@pytest.mark.django_db
def test_of_two_rebuilds_the_later_goes_on():
    store()
    store(study=1)
    earlier, later = rollup.rebuild(batch=1), rollup.rebuild(batch=1)
    next(earlier)
    next(later)

    with pytest.raises(rollup.RebuildInterruptedError):
        next(earlier)

    assert list(later) == [1]
    assert counted() == recount()


@pytest.mark.django_db
def test_a_rebuild_that_is_taken_over_says_so(monkeypatch):
    def interrupted():
        raise rollup.RebuildInterruptedError

    monkeypatch.setattr(rollup, "rebuild", interrupted)

    with pytest.raises(CommandError, match="Another rebuild"):
        call_command("rebuild_rollups")


@pytest.mark.django_db
def test_folding_moves_every_delta_once():
    store()
    store(study=1)
    before = counted()

    call_command("fold_rollups")

    assert Delta.objects.count() == 0
    assert counted() == before
    assert rollup.fold(10) == 0


@pytest.mark.django_db
def test_counting_costs_a_group_of_instances_what_it_costs_one(steward):
    store()
    statements = []
    for number in (1, 20):
        files = [
            make_file(SeriesInstanceUID="1.1.1", SOPInstanceUID=f"5.{number}.{n}", **STUDIES[0])
            for n in range(number)
        ]
        with CaptureQueriesContext(connection) as queries:
            list(store_instances(map(io.BytesIO, files), provenance=PROVENANCE))
        statements.append(sum("analytics_" in query["sql"] for query in queries))

    assert statements == [4, 4]  # away, devices, back, and the event


@pytest.mark.django_db
def test_what_is_sent_is_counted_by_source_and_result():
    store()
    store()
    store(PatientID="SOMEBODY-ELSE", number=1)
    with pytest.raises(Exception, match="DICOM"):
        store_instance(io.BytesIO(b"no image"), provenance=PROVENANCE)

    rows = Figure.objects.filter(dimension="intake", grain="day", site="*").values_list(
        "key", "instances"
    )

    assert sorted(rows) == [
        ("stow already stored", 1), ("stow conflict", 1), ("stow quarantined", 1), ("stow stored", 1),
    ]  # fmt: skip


@pytest.mark.django_db
def test_a_rebuild_keeps_what_was_counted_of_events():
    store()

    list(rollup.rebuild())

    assert Figure.objects.filter(dimension="intake", grain="year", site="*").values_list(
        "instances"
    ).get() == (1,)


# --- Several at once -----------------------------------------------------------------------------


def in_thread(work):
    """Start it with a connection of its own."""

    def run():
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_rebuild_waits_for_a_change_that_is_not_committed():
    store()
    is_stored, may_commit = threading.Event(), threading.Event()

    def sender():
        with transaction.atomic():
            store(study=1)
            store(number=1)
            is_stored.set()
            may_commit.wait(30)

    sending = in_thread(sender)
    is_stored.wait(30)
    rebuilding = in_thread(lambda: list(rollup.rebuild()))
    rebuilding.join(0.8)  # longer than it waits for the lock in one go
    was_waiting = rebuilding.is_alive()
    may_commit.set()
    sending.join()
    rebuilding.join()

    assert was_waiting
    assert Study.objects.count() == 2
    assert counted() == recount()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_senders_and_folders_at_once_lose_nothing():
    threads = [
        in_thread(lambda s=s: [store(study=s, number=n) for n in range(4)]) for s in range(2)
    ]
    threads += [in_thread(lambda: [rollup.fold(5) for _ in range(12)]) for _ in range(2)]
    for thread in threads:
        thread.join()
    close_old_connections()

    assert Instance.objects.count() == 8
    assert counted() == recount()
