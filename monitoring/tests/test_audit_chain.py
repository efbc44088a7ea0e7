"""That the trail stays as it was written: what the database refuses, and what the check finds."""

import io
import threading
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from accounts.acts import Act, Action, note
from monitoring.audit import chain
from monitoring.audit.chain import DIGESTED, Fault, Head, find_faults, parse_heads, read_heads
from monitoring.models import NUMBER_OF_CHAINS, AuditChain, AuditEvent

pytestmark = pytest.mark.django_db


def write(number=1):
    for _ in range(number):
        note(Act(action=Action.VIEW, what="study read", study_uids=["1.2.3"], detail={"é": "“"}))


@pytest.fixture
def six():
    """Six events of one chain, since one transaction writes them."""
    write(6)
    return AuditEvent.objects.get(number=6).chain


def tamper(*statements):
    """As whoever owns the database can."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = origin")


def faults(kept=()):
    return list(find_faults(read_heads(), list(kept)))


# --- Refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE monitoring_auditevent SET what = 'nothing' WHERE number = 1",
        "DELETE FROM monitoring_auditevent WHERE number = 6",
        "TRUNCATE monitoring_auditevent",
        "UPDATE monitoring_auditchain SET last_number = 0",
        "DELETE FROM monitoring_auditchain",
        "TRUNCATE monitoring_auditchain",
    ],
)
def test_the_database_refuses(six, statement):
    with (
        pytest.raises(DatabaseError, match="the_audit_trail_never_changes"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert AuditEvent.objects.count() == 6


def test_what_plain_sql_inserts_takes_its_place_in_the_chain_whatever_it_says(six):
    columns = [
        field.column for field in AuditEvent._meta.concrete_fields
        if field.column not in ("id", "number", "occurred_at")
    ]  # fmt: skip
    named = ", ".join(columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO monitoring_auditevent (number, {named})"
            f" SELECT 99, {named} FROM monitoring_auditevent WHERE number = 2"
        )

    assert AuditEvent.objects.order_by("pk").last().number == 7
    assert faults() == []


# --- Found ---------------------------------------------------------------------------------------

REHASH = f"""
    UPDATE monitoring_auditevent event SET digest = sha256(convert_to({DIGESTED.format(row="event")}, 'UTF8'))
    WHERE number = %s
"""
FOLLOW = """
    UPDATE monitoring_auditevent event SET previous_digest = before.digest
    FROM monitoring_auditevent before
    WHERE before.number = event.number - 1 AND event.number = %s
"""
HEAD = """
    UPDATE monitoring_auditchain head SET last_number = event.number, last_digest = event.digest
    FROM monitoring_auditevent event WHERE event.chain = head.chain AND event.number = {}
"""
CHANGE = "UPDATE monitoring_auditevent SET what = 'nothing' WHERE number = 3"


def written_anew(first):
    """Statements that make the chain good again after a change."""
    statements = []
    for number in range(first, 7):
        if number > first:
            statements.append(FOLLOW % number)
        statements.append(REHASH % number)
    return [*statements, HEAD.format(6)]


@pytest.mark.parametrize(
    ("statements", "number", "sentence"),
    [
        pytest.param([CHANGE], 3, "changed since it was written", id="a word"),
        pytest.param(
            ["UPDATE monitoring_auditevent SET occurred_at = occurred_at - interval '1 us' WHERE number = 1"],
            1, "changed since it was written", id="a time",
        ),
        pytest.param(
            ["UPDATE monitoring_auditevent SET patient_ids = '{P2}' WHERE number = 6"],
            6, "changed since it was written", id="a patient",
        ),
        pytest.param(
            [CHANGE, REHASH % 3], 4, "does not follow the one before it", id="an event, its digest made anew",
        ),
        pytest.param(
            ["DELETE FROM monitoring_auditevent WHERE number = 3"],
            3, "missing; here follows a later one", id="one of the middle is deleted",
        ),
        pytest.param(
            ["DELETE FROM monitoring_auditevent WHERE number = 6"],
            6, "missing at the end of the chain", id="the last is deleted",
        ),
        pytest.param(
            [
                "UPDATE monitoring_auditevent SET number = -3 WHERE number = 3",
                "UPDATE monitoring_auditevent SET number = 3 WHERE number = 4",
                "UPDATE monitoring_auditevent SET number = 4 WHERE number = -3",
            ],
            3, "does not follow the one before it", id="two change places",
        ),
        pytest.param(
            ["UPDATE monitoring_auditchain SET last_digest = '\\x00' WHERE last_number = 6"],
            6, "the last one is another than its chain knows", id="the head",
        ),
        pytest.param(
            ["UPDATE monitoring_auditevent SET number = 7 WHERE number = 6", HEAD.format(5)],
            7, "added behind the end of the chain", id="one is added behind",
        ),
        pytest.param(
            ["DELETE FROM monitoring_auditchain WHERE last_number = 6"],
            1, "added behind the end of the chain", id="a head is deleted",
        ),
    ],
)  # fmt: skip
def test_the_first_that_is_not_as_it_was_written_is_named(six, statements, number, sentence):
    assert faults() == []

    tamper(*statements)

    (fault,) = faults()
    assert (fault.chain, fault.number) == (six, number)
    assert fault.sentence.split(" (id")[0] == sentence


@pytest.mark.parametrize(
    ("statements", "number", "sentence"),
    [
        pytest.param(
            [CHANGE, *written_anew(3)], 6, "another than was kept", id="a chain written anew"
        ),
        pytest.param(
            ["DELETE FROM monitoring_auditevent WHERE number > 4", HEAD.format(4)],
            5, "missing: the chain was longer when it was kept", id="its end cut off, the head moved back",
        ),
        pytest.param(
            [
                "DELETE FROM monitoring_auditevent WHERE number > 0",
                "DELETE FROM monitoring_auditchain WHERE last_number = 6",
            ],
            0, "the whole chain is missing", id="all of it deleted",
        ),
    ],
)  # fmt: skip
def test_whoever_can_make_digests_is_found_by_the_heads_that_were_kept(
    six, statements, number, sentence
):
    kept = read_heads()

    tamper(*statements)

    (fault,) = faults(kept)
    assert (fault.chain, fault.number) == (six, number)
    assert fault.sentence.split(" (id")[0] == sentence


def test_a_long_chain_is_read_in_pages(six, monkeypatch):
    monkeypatch.setattr(chain, "_PAGE", 2)
    monkeypatch.setattr(chain, "_EVENTS", chain._EVENTS.replace("LIMIT 2000", "LIMIT 2"))

    assert faults() == []
    tamper("DELETE FROM monitoring_auditevent WHERE number = 5")
    assert faults()[0].number == 5


# --- The command ---------------------------------------------------------------------------------


def test_the_command_prints_heads_that_it_takes_the_next_time_and_is_told_itself(six, tmp_path):
    output, file = io.StringIO(), tmp_path / "heads.txt"
    call_command("verify_audit", stdout=output)
    file.write_text(output.getvalue())

    again = io.StringIO()
    call_command("verify_audit", heads=file, stdout=again)

    assert output.getvalue().endswith("6 events, as they were written.\n")
    assert again.getvalue().endswith("7 events, as they were written.\n")
    told = AuditEvent.objects.order_by("-pk").first()
    assert (told.action, told.what, told.outcome) == (
        "read-audit", "audit trail verified", "success"
    )  # fmt: skip
    assert told.detail == {"events": "7", "faults": "0"}


def test_the_command_fails_and_names_the_first_fault(six):
    tamper(CHANGE)

    with pytest.raises(CommandError, match=rf"chain {six}, event 3: changed since it was written"):
        call_command("verify_audit", stderr=io.StringIO())

    assert AuditEvent.objects.order_by("-pk").first().outcome == "failed"


@pytest.mark.parametrize("text", ["", "6 events", "head 1 x -", "head 1 2", "head 1 2 zz", None])
def test_the_command_says_what_is_wrong_with_a_file_of_heads(tmp_path, text):
    file = tmp_path / "heads.txt"
    if text is not None:
        file.write_text(text)

    with pytest.raises(CommandError, match=r"heads\.txt"):
        call_command("verify_audit", heads=Path(file))


@given(
    st.lists(
        st.builds(
            Head, st.integers(0, 99), st.integers(0, 2**62), st.binary(min_size=32, max_size=32) | st.just(b"")
        ),
        min_size=1,
    )
)  # fmt: skip
def test_heads_are_read_as_they_are_printed(heads):
    assert parse_heads("\n".join(["7 events", *map(str, heads)])) == heads


def test_a_fault_says_where_it_is():
    assert str(Fault(3, 17, "changed")) == "chain 3, event 17: changed"


# --- Many at once --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_many_who_write_at_once_neither_wait_for_each_other_nor_break_a_chain():
    all_have_written = threading.Barrier(8, timeout=30)
    errors = []

    def write_and_hold():
        try:
            with transaction.atomic():
                write(3)
                all_have_written.wait()  # before anybody commits
            write(2)
        except Exception as error:
            errors.append(error)
            all_have_written.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=write_and_hold) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert AuditEvent.objects.count() == 8 * 5
    assert len(set(AuditEvent.objects.values_list("chain", flat=True))) >= 8
    assert AuditChain.objects.count() == NUMBER_OF_CHAINS
    assert sum(head.number for head in read_heads()) == 8 * 5
    assert faults() == []
