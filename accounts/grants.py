"""Tokens for programs in which people sign in: short ones that are signed, and how to renew them.

An access token is a JWT (RFC 9068, signed RS256), good for five minutes and within its scopes. The
refresh token beside it is random text, good once: each use gives the next.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
from django.db import connection, transaction
from django.utils import timezone

from accounts.acts import Act, Action, Outcome, note
from accounts.keys import keys
from accounts.models import Grant, RefreshToken, TokenInUse, User
from accounts.tokens import USER_AND_PERMISSIONS, digest_of, user_from

ACCESS_SECONDS = 300
_GRANT_LIFETIME = timedelta(days=30)
_ISSUER = _AUDIENCE = "pacs-portal"
_BEGINNING = "pacs_refresh_"
_REUSED = "a refresh token was shown twice"


class NotGrantedError(Exception):
    """No token for this; says why, in a sentence for whoever asked."""


@dataclass(frozen=True)
class Tokens:
    access: str
    refresh: str
    scopes: Sequence[str]


def begin(user: User, *, name: str, scopes: Sequence[str]) -> Tokens:
    """A new grant, to somebody who has just shown who they are."""
    with transaction.atomic():
        grant = Grant.objects.create(
            user=user, name=name, scopes=list(scopes), expires_at=timezone.now() + _GRANT_LIFETIME
        )
        _note("token granted", grant)
        return _tokens(grant)


def refresh(text: str) -> Tokens:
    """The next two tokens for a refresh token that was not used before.

    Raises:
        NotGrantedError: If it was; then its grant is over. Or if it never was one.
    """
    with transaction.atomic():
        token = (
            RefreshToken.objects.select_for_update(of=("self",))
            .select_related("grant__user")
            .filter(digest=digest_of(text))
            .first()
        )
        grant = token.grant if token else None
        if token is None or grant is None or not _is_alive(grant):
            raise NotGrantedError("This refresh token is not valid: sign in again.")
        if token.used_at is None:
            token.used_at = timezone.now()
            token.save(update_fields=["used_at"])
            return _tokens(grant)
        _revoke(grant, because=_REUSED, outcome=Outcome.REFUSED)
    raise NotGrantedError(
        "This refresh token was used before, so somebody may have stolen it. "
        "All tokens of this sign-in are revoked: sign in again."
    )


def revoke(text: str) -> None:
    """End the grant of a refresh token; what is none is as good as revoked (RFC 7009 2.2)."""
    with transaction.atomic():
        grant = (
            Grant.objects.select_for_update()
            .filter(refresh_tokens__digest=digest_of(text), revoked_at=None)
            .first()
        )
        if grant:
            _revoke(grant, because="its program signed out")


_USER_OF_GRANT = f"""
    SELECT granted.name, {USER_AND_PERMISSIONS}
    FROM accounts_grant granted
    JOIN accounts_user person ON person.id = granted.user_id
    WHERE granted.id = %(grant)s AND granted.user_id = %(user)s AND granted.revoked_at IS NULL
        AND granted.expires_at > %(now)s AND person.is_active
"""  # noqa: S608 - of our own words


def find_user(text: str) -> User | None:
    """Who a valid access token acts for; one query, so that what is revoked ends at once."""
    claims = _claims(text)
    if claims is None:
        return None
    with connection.cursor() as cursor:
        numbers = {"grant": claims["grant"], "user": claims["sub"], "now": timezone.now()}
        cursor.execute(_USER_OF_GRANT, numbers)
        row = cursor.fetchone()
    if row is None:
        return None
    name, *person = row
    return user_from(person, TokenInUse(name, frozenset(claims["scope"].split())))


def _claims(text: str) -> dict[str, Any] | None:
    """Of a token that one of our keys has signed and that is still good."""
    try:
        key = keys().believed[jwt.get_unverified_header(text)["kid"]]
        claims: dict[str, Any] = jwt.decode(
            text,
            key,
            algorithms=["RS256"],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            options={"require": ["exp", "iat", "sub", "grant", "scope"]},
        )
    except (jwt.PyJWTError, KeyError, ValueError, TypeError):
        return None
    return claims if claims["sub"].isdecimal() else None


def _is_alive(grant: Grant) -> bool:
    return grant.revoked_at is None and grant.expires_at > timezone.now() and grant.user.is_active


def _tokens(grant: Grant) -> Tokens:
    text = _BEGINNING + secrets.token_urlsafe(32)
    RefreshToken.objects.create(grant=grant, digest=digest_of(text))
    return Tokens(_access_token(grant), text, grant.scopes)


def _access_token(grant: Grant) -> str:
    signing = keys().signing
    if signing is None:
        raise NotGrantedError("This portal signs no tokens: use an API token.")
    name, key = signing
    now = int(timezone.now().timestamp())
    claims = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": str(grant.user_id),
        "grant": grant.pk,
        "scope": " ".join(grant.scopes),
        "iat": now,
        "exp": now + ACCESS_SECONDS,
        "jti": secrets.token_urlsafe(12),
    }
    return str(jwt.encode(claims, key, algorithm="RS256", headers={"kid": name, "typ": "at+jwt"}))


def _revoke(grant: Grant, *, because: str, outcome: Outcome = Outcome.SUCCESS) -> None:
    grant.revoked_at, grant.revoked_because = timezone.now(), because
    grant.save(update_fields=["revoked_at", "revoked_because"])
    _note("token revoked", grant, outcome=outcome)


def _note(what: str, grant: Grant, *, outcome: Outcome = Outcome.SUCCESS) -> None:
    note(
        Act(
            action=Action.SECURITY,
            what=what,
            actor=grant.user,
            outcome=outcome,
            detail={"name": grant.name, "because": grant.revoked_because},
            is_change=True,
        )
    )
