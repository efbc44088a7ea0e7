"""Checking the audit trail against its own digests.

Each event holds the SHA-256 of itself and of the digest before it, made by a trigger. Here the same
is computed anew from what the tables hold; the function of the trigger is not asked.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db import connection

_PAGE = 2000
# What the digest of an event is made of; the trigger of monitoring 0001 writes the same. The text
# of jsonb has one form only, and times are written in no session's zone.
DIGESTED = """
    jsonb_build_array(
        {row}.chain, {row}.number, encode({row}.previous_digest, 'hex'), {row}.id,
        to_char({row}.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
        {row}.event_id, {row}.event_type, {row}.event_action, {row}.action, {row}.what,
        {row}.outcome, {row}.actor_kind, {row}.actor_id, {row}.actor, {row}.actor_name,
        {row}.token, to_jsonb({row}.roles), {row}.client_address, {row}.user_agent,
        {row}.request_id, {row}.route, to_jsonb({row}.patient_ids),
        to_jsonb({row}.issuers_of_patient_ids), to_jsonb({row}.study_uids),
        to_jsonb({row}.object_uids), {row}.detail
    )::text
"""
_EVENTS = f"""
    SELECT id, number, previous_digest, digest, {DIGESTED.format(row="event")}
    FROM monitoring_auditevent event
    WHERE chain = %s AND number > %s AND number <= %s
    ORDER BY number LIMIT {_PAGE}
"""  # noqa: S608 - of our own words
# Events that no head knows of. One statement, so that nobody writes between its two halves.
_BEYOND_HEADS = """
    SELECT event.chain, min(event.number)
    FROM monitoring_auditevent event
    LEFT JOIN monitoring_auditchain head ON head.chain = event.chain
    WHERE event.number > coalesce(head.last_number, 0)
    GROUP BY event.chain ORDER BY event.chain
"""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: number and digest of its last event, 0 and none for an empty one."""

    chain: int
    number: int
    digest: bytes

    def __str__(self) -> str:
        return f"head {self.chain} {self.number} {self.digest.hex() or '-'}"


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a chain is not as it was written, and how."""

    chain: int
    number: int
    sentence: str

    def __str__(self) -> str:
        return f"chain {self.chain}, event {self.number}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class _Event:
    id: int
    number: int
    previous_digest: bytes
    digest: bytes
    digested: str

    def fault(self, number: int, previous: bytes, kept: Mapping[int, bytes]) -> str:
        """What is wrong with it at this place of its chain; empty if nothing is."""
        if self.number != number:
            return "missing; here follows a later one"
        if self.previous_digest != previous:
            return "does not follow the one before it"
        if hashlib.sha256(self.digested.encode()).digest() != self.digest:
            return "changed since it was written"
        return "" if kept.get(number, self.digest) == self.digest else "another than was kept"


def read_heads() -> list[Head]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT chain, last_number, last_digest FROM monitoring_auditchain ORDER BY chain"
        )
        return [Head(chain, number, bytes(digest)) for chain, number, digest in cursor.fetchall()]


def parse_heads(text: str) -> list[Head]:
    """Heads that were kept, one on each line that begins with `head`; other lines are passed over.

    Raises:
        ValueError: If such a line does not go on as one, or if there is none.
    """
    lines = [line.split() for line in text.splitlines() if line.startswith("head ")]
    if not lines:
        raise ValueError("no line begins with `head`")
    return [
        Head(int(chain), int(number), b"" if digest == "-" else bytes.fromhex(digest))
        for _, chain, number, digest in lines
    ]


def find_faults(heads: list[Head], kept: list[Head]) -> Iterator[Fault]:
    """The first fault of each chain, if it has one.

    Args:
        heads: From `read_heads`, read before: what is written meanwhile is left for the next time.
        kept: Heads of earlier, kept where nobody who can write to the database can.
    """
    wanted = _digests_by_place(kept)
    for head in heads:
        if fault := _first_fault(head, wanted.pop(head.chain, {})):
            yield fault
    for chain in wanted:
        yield Fault(chain, 0, "the whole chain is missing")
    for chain, number in _beyond_heads():
        yield Fault(chain, number, "added behind the end of the chain")


def _digests_by_place(kept: list[Head]) -> dict[int, dict[int, bytes]]:
    wanted: dict[int, dict[int, bytes]] = {}
    for head in kept:
        wanted.setdefault(head.chain, {})[head.number] = head.digest
    return wanted


def _first_fault(head: Head, kept: Mapping[int, bytes]) -> Fault | None:
    number, digest = 0, b""
    for event in _events(head):
        number += 1
        if sentence := event.fault(number, digest, kept):
            return Fault(head.chain, number, f"{sentence} (id {event.id})")
        digest = event.digest
    if number != head.number:
        return Fault(head.chain, number + 1, "missing at the end of the chain")
    if digest != head.digest:
        return Fault(head.chain, number, "the last one is another than its chain knows")
    if kept and max(kept) > number:
        return Fault(head.chain, number + 1, "missing: the chain was longer when it was kept")
    return None


def _events(head: Head) -> Iterator[_Event]:
    """Up to the head, in pages, whatever their numbers have become."""
    last = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_EVENTS, [head.chain, last, head.number])
            rows = cursor.fetchall()
        for key, last, previous, digest, text in rows:
            yield _Event(key, last, bytes(previous), bytes(digest), text)
        if len(rows) < _PAGE:
            return


def _beyond_heads() -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_BEYOND_HEADS)
        return list(cursor.fetchall())
