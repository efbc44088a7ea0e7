"""Sessions end: after a while without a person's doing, and after a working day in any case.

The store keeps Django's own table. What it adds are the two ends, in the row's expiry, which only
moves when somebody does something (`touch`): a page that polls keeps nobody signed in.
"""

import datetime
import time
from typing import Any

from django.conf import settings
from django.contrib.auth import user_logged_in, user_logged_out
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts.acts import Act, Action, note
from accounts.addresses import client_address
from accounts.models import Grant, SignedIn, User

SIGNED_IN_AT = "signed_in_at"
# A write for each request would cost more than the request.
_NOTED_EVERY = datetime.timedelta(minutes=1)


class SessionStore(DatabaseStore):
    """As Django's, and it remembers when its row expires."""

    expires_at: datetime.datetime | None = None
    # Whether to save it is to prolong it; a page that polls says no.
    is_activity = True

    def _get_session_from_db(self) -> Session | None:
        session: Session | None = super()._get_session_from_db()  # type: ignore[misc]
        self.expires_at = session.expire_date if session else None
        return session

    def get_expiry_date(self, **_known: Any) -> datetime.datetime:
        """The end of the idle time from now on, but never past the end of the day.

        A session of somebody who did not sign in may have been given an end of its own.
        """
        if SIGNED_IN_AT not in self and self.get("_session_expiry"):
            return super().get_expiry_date(**_known)
        if not self.is_activity and self.expires_at:
            return self.expires_at
        return min(
            timezone.now() + datetime.timedelta(seconds=settings.SESSION_COOKIE_AGE),
            self.latest_end(),
        )

    def get_expiry_age(self, **_known: Any) -> int:
        """Of the cookie too, which goes with the browser all the same."""
        return max(0, int((self.get_expiry_date() - timezone.now()).total_seconds()))

    def cycle_key(self) -> None:
        """A new key at sign-in and for a new password; what is known of the session goes along."""
        former = self.session_key
        super().cycle_key()
        SignedIn.objects.filter(session_key=former).update(session_key=self.session_key)

    def latest_end(self) -> datetime.datetime:
        """When the session ends whatever its user does."""
        started = self.get(SIGNED_IN_AT, time.time())
        return datetime.datetime.fromtimestamp(
            started + settings.PACS_SESSION_ABSOLUTE_SECONDS, datetime.UTC
        )


def touch(session: Any, *, at_once: bool = False) -> None:
    """Somebody did something: the idle time begins anew. Written once a minute, or at once."""
    if SIGNED_IN_AT not in session:  # signed in under the release before
        session[SIGNED_IN_AT] = time.time()
        return
    new_end = session.get_expiry_date()
    if session.expires_at is None:
        return
    if not at_once and new_end - session.expires_at < _NOTED_EVERY:
        return
    Session.objects.filter(pk=session.session_key).update(expire_date=new_end)
    SignedIn.objects.filter(session_key=session.session_key).update(last_used_at=timezone.now())
    session.expires_at = new_end


def remaining_seconds(session: Any) -> int:
    """Until the session ends if nobody does anything."""
    end = session.expires_at or session.get_expiry_date()
    seconds: float = (end - timezone.now()).total_seconds()
    return max(0, round(seconds))


# --- Where somebody is signed in ------------------------------------------------------------------


def sessions_of(user: Any) -> QuerySet[SignedIn]:
    """Those that have not ended, the one that was used last first."""
    alive = Session.objects.filter(expire_date__gt=timezone.now())
    found = SignedIn.objects.filter(user=user, session_key__in=alive.values("pk"))
    return found.order_by("-last_used_at", "pk")


def end_sessions(signed_in: QuerySet[SignedIn], *, because: str) -> int:
    """Sign out wherever these rows say; how many those were."""
    with transaction.atomic():
        keys = list(signed_in.values_list("session_key", flat=True))
        Session.objects.filter(pk__in=keys).delete()
        SignedIn.objects.filter(session_key__in=keys).delete()
        if keys:
            note(
                Act(
                    action=Action.SECURITY,
                    what="sessions ended",
                    detail={"sessions": str(len(keys)), "because": because},
                    is_change=True,
                )
            )
    return len(keys)


def end_others(user: User, request: HttpRequest | None, *, because: str) -> None:
    """After a change of password or second factor: what a thief may hold is worth nothing."""
    mine = request.session.session_key if request else None
    with transaction.atomic():
        end_sessions(user.signed_in.exclude(session_key=mine), because=because)
        user.grants.filter(revoked_at=None).update(
            revoked_at=timezone.now(), revoked_because=because
        )


def sweep() -> int:
    """Remove what has ended; how many sessions those were."""
    SessionStore.clear_expired()
    over = Session.objects.filter(expire_date__gt=timezone.now())
    removed, _ = SignedIn.objects.exclude(session_key__in=over.values("pk")).delete()
    Grant.objects.filter(expires_at__lt=timezone.now()).delete()
    return removed


@receiver(user_logged_in)
def _note_sign_in(request: HttpRequest, user: User, **_rest: Any) -> None:
    with transaction.atomic():
        request.session[SIGNED_IN_AT] = time.time()
        SignedIn.objects.update_or_create(
            session_key=request.session.session_key,
            defaults={
                "user": user,
                "device": request.META.get("HTTP_USER_AGENT", "")[:300],
                "address": client_address(request) or None,
            },
        )
        note(Act(action=Action.SIGN_IN, what="signed in", actor=user, is_change=True))


@receiver(user_logged_out)
def _note_sign_out(request: HttpRequest, user: User | None, **_rest: Any) -> None:
    if user is None:
        return
    with transaction.atomic():
        SignedIn.objects.filter(session_key=request.session.session_key).delete()
        note(Act(action=Action.SIGN_OUT, what="signed out", actor=user, is_change=True))
