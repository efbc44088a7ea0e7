"""Guesses at passwords and codes: a few a minute for an account, and from an address.

Counted before the password is looked at, so that many at once are not more than the limit allows;
who was right gets the use back. The name is counted as it is typed, whether there is such an
account or not: nothing tells who has one.
"""

from django.http import HttpRequest

from accounts.acts import Act, Action, Outcome, note
from accounts.addresses import address_to_limit
from accounts.limits import give_back, retry_after
from accounts.models import User


def begin(request: HttpRequest, account: str) -> int | None:
    """Count an attempt; seconds to wait where there were too many."""
    waits = [retry_after(name, key) for name, key in _limits(request, account)]
    seconds = max((wait for wait in waits if wait), default=None)
    if seconds:
        note(Act(action=Action.SIGN_IN, what="too many attempts", outcome=Outcome.REFUSED))
    return seconds


def succeeded(request: HttpRequest, account: str) -> None:
    for name, key in _limits(request, account):
        give_back(name, key)


def failed(what: str, user: User | None) -> None:
    """Note it. Of an unknown name nothing is kept: it may be a password in the wrong field."""
    note(Act(action=Action.SIGN_IN, what=what, actor=user, outcome=Outcome.FAILED))


def _limits(request: HttpRequest, account: str) -> list[tuple[str, str]]:
    address = address_to_limit(request)
    return [("login", account.casefold()), *([("login_address", address)] if address else [])]
