"""Keeping acts: at once where rows change with them, else in one insert at the end of a request.

What cannot be kept has not been done: the insert is in the transaction of the change, or comes
before the first byte of the answer.
"""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from django.db import connection
from django.http import HttpRequest

from accounts.acts import Act, Outcome
from monitoring.audit.codes import IMPLIED, REPEATED, event_of
from monitoring.audit.origin import Origin
from studies.noting import STUDY_READ

# Of one event. What is left out is counted in its detail.
_MAX_STUDIES = 1000
_MAX_OBJECTS = 100
_MAX_DETAILS = 50
_MAX_WORD = 64
_MAX_DETAIL = 500

# --- Writing -------------------------------------------------------------------------------------

_COLUMNS = {
    "event_id": "text", "event_type": "text", "event_action": "text", "action": "text",
    "what": "text", "outcome": "text", "actor_kind": "text", "actor_id": "bigint",
    "actor": "text", "actor_name": "text", "token": "text", "client_address": "text",
    "user_agent": "text", "request_id": "uuid", "route": "text", "study_uids": "text[]",
    "object_uids": "text[]", "detail": "jsonb",
}  # fmt: skip
# Roles of who did it and patients of the studies are looked up by the same statement: an event
# costs its request no other.
_INSERT = f"""
    INSERT INTO monitoring_auditevent
        ({", ".join(_COLUMNS)}, roles, patient_ids, issuers_of_patient_ids)
    SELECT {", ".join(f"act.{name}" for name in _COLUMNS)},
        ARRAY(
            SELECT role.name FROM auth_group role
            JOIN accounts_user_groups membership ON membership.group_id = role.id
            WHERE membership.user_id = act.actor_id ORDER BY role.name
        ),
        coalesce(patient.ids, act.patient_ids), coalesce(patient.issuers, act.issuers)
    FROM jsonb_to_recordset(%s) AS act(
        {", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())},
        patient_ids text[], issuers text[]
    )
    LEFT JOIN LATERAL (
        SELECT array_agg(known.patient_id) ids, array_agg(known.issuer_of_patient_id) issuers
        FROM (
            SELECT patient_id, issuer_of_patient_id FROM studies_study
            WHERE study_instance_uid = ANY(act.study_uids)
            GROUP BY patient_id, issuer_of_patient_id
            ORDER BY patient_id, issuer_of_patient_id
        ) known
    ) patient ON cardinality(act.patient_ids) = 0
"""  # noqa: S608 - of our own words


def write(acts: Sequence[Act], origin: Origin) -> None:
    """Insert an event for each act, in one statement."""
    rows = [_row(act, origin) for act in acts]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [json.dumps(rows)])


def _row(act: Act, origin: Origin) -> dict[str, Any]:
    event = event_of(act.action, act.what)
    studies, objects = list(act.study_uids), list(act.object_uids)
    return {
        "event_id": event.event_id,
        "event_type": event.event_type,
        "event_action": event.event_action,
        "action": act.action,
        "what": _clean(act.what, 100),
        "outcome": act.outcome,
        "study_uids": [_clean(uid, _MAX_WORD) for uid in studies[:_MAX_STUDIES]],
        "object_uids": [_clean(uid, _MAX_WORD) for uid in objects[:_MAX_OBJECTS]],
        "patient_ids": [_clean(patient_id, _MAX_WORD) for patient_id, _ in act.patients],
        "issuers": [_clean(issuer, _MAX_WORD) for _, issuer in act.patients],
        "detail": _detail(act.detail)
        | _left_out("studies", len(studies), _MAX_STUDIES)
        | _left_out("objects", len(objects), _MAX_OBJECTS),
        **{name: _clean_value(value) for name, value in origin.columns(act.actor).items()},
    }


def _detail(detail: Mapping[str, str]) -> dict[str, str]:
    said = list(detail.items())[:_MAX_DETAILS]
    return {_clean(name, _MAX_WORD): _clean(str(text), _MAX_DETAIL) for name, text in said}


def _left_out(name: str, count: int, limit: int) -> dict[str, str]:
    return {f"number of {name}": str(count)} if count > limit else {}


def _clean_value(value: Any) -> Any:
    return _clean(value, 300) if isinstance(value, str) else value


def _clean(text: str, length: int) -> str:
    """What PostgreSQL can hold of it: no NUL, no half of a surrogate pair."""
    return text[:length].replace("\0", "\ufffd").encode(errors="replace").decode()


# --- Collecting ----------------------------------------------------------------------------------


class Collected:
    """The acts of one request that wait for its end."""

    def __init__(self, request: HttpRequest) -> None:
        self.origin = Origin.of_request(request)
        self._acts: dict[Any, Act] = {}
        self._studies_of_changes: set[str] = set()
        self._has_changed = False

    def add(self, act: Act) -> None:
        """The same again is one act, of all objects that were named."""
        key = _key(act, self.origin)
        if known := self._acts.get(key):
            objects = dict.fromkeys([*known.object_uids, *act.object_uids])
            act = replace(known, object_uids=list(objects))
        self._acts[key] = act

    def add_change(self, act: Act) -> None:
        """Of what is kept already, that it needs no other act beside it."""
        self._has_changed = True
        self._studies_of_changes.update(act.study_uids)

    def complete(self, status: int, refusal: Act | None) -> None:
        """Keep what has been collected; raises DatabaseError if that cannot be done.

        Args:
            status: Of the answer.
            refusal: What it means if it is one, and nothing says more.
        """
        acts = self._told(status, refusal)
        keys = {_key(act, self.origin): act for act in acts}
        new = [act for key, act in keys.items() if not _remembered.holds(key)]
        if new:
            write(new, self.origin)
            _remembered.add(key for key, act in keys.items() if act.what in REPEATED)

    def _told(self, status: int, refusal: Act | None) -> list[Act]:
        outcome = _outcome_of(status)
        acts = [act for act in self._acts.values() if act.what not in IMPLIED]
        if outcome is Outcome.REFUSED:
            acts += [refusal] if refusal and not acts and not self._has_changed else []
        else:
            said = self._studies_of_changes.union(*(act.study_uids for act in acts))
            implied = [act for act in self._acts.values() if act.what in IMPLIED]
            acts += [act for act in _strongest(implied) if not said.issuperset(act.study_uids)]
        return [
            replace(act, outcome=outcome) if act.outcome is Outcome.SUCCESS else act for act in acts
        ]


def _strongest(implied: Iterable[Act]) -> list[Act]:
    """One for each study: who reads images has read the study."""
    chosen: dict[tuple[str, ...], Act] = {}
    for act in implied:
        known = chosen.get(tuple(act.study_uids))
        if known is None or known.what == STUDY_READ:
            chosen[tuple(act.study_uids)] = act
    return list(chosen.values())


_REFUSED = frozenset({401, 403, 404, 410, 429})


def _outcome_of(status: int) -> Outcome:
    if status < 400:  # noqa: PLR2004 - where errors begin
        return Outcome.SUCCESS
    return Outcome.REFUSED if status in _REFUSED else Outcome.FAILED


# --- Remembering ---------------------------------------------------------------------------------

_REMEMBERED_SECONDS = 300
_MAX_REMEMBERED = 20_000


class _Remembered:
    """What this process has kept lately; another just keeps it again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Any, float] = OrderedDict()
        self._lock = threading.Lock()

    def holds(self, key: Any) -> bool:
        kept_at = self._kept.get(key)
        return kept_at is not None and kept_at > time.monotonic() - _REMEMBERED_SECONDS

    def add(self, keys: Iterable[Any]) -> None:
        with self._lock:
            for key in keys:
                self._kept[key] = time.monotonic()
                self._kept.move_to_end(key)
            while len(self._kept) > _MAX_REMEMBERED:
                self._kept.popitem(last=False)


_remembered = _Remembered()


def _key(act: Act, origin: Origin) -> Any:
    """Two acts that differ in nothing else are one."""
    about = tuple(act.patients), tuple(act.study_uids), repr(dict(act.detail))
    return origin.who(act.actor), act.action, act.what, act.outcome, about


# --- Receiving -----------------------------------------------------------------------------------

_current: ContextVar[Collected | None] = ContextVar("acts of the request", default=None)


def receive(act: Act, **_: Any) -> None:
    """Receiver of `accounts.acts.acted`."""
    collected = _current.get()
    if collected is None:
        write([act], Origin.of_process())
    elif act.is_change:
        write([act], collected.origin)
        collected.add_change(act)
    else:
        collected.add(act)


@contextmanager
def collecting(request: HttpRequest) -> Iterator[Collected]:
    """Have acts wait that nothing changes with, until the answer is known."""
    collected = Collected(request)
    token = _current.set(collected)
    try:
        yield collected
    finally:
        _current.reset(token)
