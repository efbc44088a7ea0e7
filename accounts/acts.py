"""What people and machines did that somebody may have to answer for.

Told here by whatever does it; `monitoring` keeps it in the audit trail. Since accounts is the
lowest app, every other may tell of its acts without knowing who listens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.dispatch import Signal


class Action(StrEnum):
    VIEW = "view"
    SEARCH = "search"
    EXPORT = "export"
    PRINT = "print"
    UPLOAD = "upload"
    CHANGE = "change"
    DELETE = "delete"
    SIGN_IN = "sign-in"
    SIGN_OUT = "sign-out"
    SECURITY = "security"  # who may do what: roles, second factors, tokens, sessions
    REFUSAL = "refusal"
    BREAK_GLASS = "break-glass"
    SHARE = "share"
    READ_AUDIT = "read-audit"


class Outcome(StrEnum):
    SUCCESS = "success"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act.

    Attributes:
        action: What was done.
        what: The same in a few words, from the code and never from a stranger: `report signed`.
        actor: Who did it; None for whoever the present request is of.
        outcome: Whether it was done.
        patients: Patient ID and its issuer, of whom it was about.
        study_uids: Studies it was about.
        object_uids: Series or instances, where it was about less than a study.
        detail: What else one has to know, as short texts.
        is_change: Whether rows changed with it: then it is kept in their transaction.
    """

    action: Action
    what: str
    actor: Any = None
    outcome: Outcome = Outcome.SUCCESS
    patients: Sequence[tuple[str, str]] = ()
    study_uids: Sequence[str] = ()
    object_uids: Sequence[str] = ()
    detail: Mapping[str, str] = field(default_factory=dict)
    is_change: bool = False


# act: Act. A receiver that raises makes what was done fail: an act that is not kept is not done.
acted = Signal()


def note(act: Act) -> None:
    acted.send(Act, act=act)
