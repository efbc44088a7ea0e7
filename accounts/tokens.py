"""API tokens: made once, shown once, known by their digest."""

import hashlib
import secrets
from datetime import timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q
from django.utils import timezone

from accounts.backends import permission_names, remember_permissions
from accounts.models import ApiToken, User

_BEGINNING = "pacs_"  # so that people and scanners for leaked secrets recognise one
_SECRET_BYTES = 32
_SHOWN_CHARACTERS = 12
# A write for each request would cost more than the look-up.
_NOTED_EVERY = timedelta(minutes=1)


def create_token(user: User, *, name: str, lifetime: timedelta | None) -> tuple[ApiToken, str]:
    """A new token and its text, which is kept nowhere; without a lifetime it never expires."""
    text = _BEGINNING + secrets.token_urlsafe(_SECRET_BYTES)
    token = ApiToken.objects.create(
        user=user,
        name=name,
        digest=_digest(text),
        prefix=text[:_SHOWN_CHARACTERS],
        expires_at=timezone.now() + lifetime if lifetime else None,
    )
    return token, text


def find_user(text: str) -> User | None:
    """Who a valid token acts for, and what they may do.

    One query, and now and then a second that notes its use.
    """
    now = timezone.now()
    token = (
        ApiToken.objects.select_related("user")
        .annotate(
            own=ArraySubquery(permission_names(user=OuterRef("user"))),
            of_roles=ArraySubquery(permission_names(group__user=OuterRef("user"))),
        )
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))
        .filter(digest=_digest(text), revoked_at__isnull=True, user__is_active=True)
        .first()
    )
    if token is None:
        return None
    if token.last_used_at is None or token.last_used_at < now - _NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    user: User = token.user
    remember_permissions(user, {*token.own, *token.of_roles})
    return user


def _digest(text: str) -> str:
    """Plain SHA-256 is enough: 256 random bits cannot be guessed from it."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
