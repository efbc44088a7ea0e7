"""API tokens: made once, shown once, known by their digest."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.acts import Act, Action, note
from accounts.backends import PERMISSION_NAMES, remember_permissions
from accounts.models import ApiToken, Scope, TokenInUse, User

_BEGINNING = "pacs_"  # so that people and scanners for leaked secrets recognise one
_SECRET_BYTES = 32
_SHOWN_CHARACTERS = 12
# A write for each request would cost more than the look-up.
_NOTED_EVERY = timedelta(minutes=1)


def create_token(
    user: User, *, name: str, lifetime: timedelta | None, scopes: Sequence[str] = tuple(Scope)
) -> tuple[ApiToken, str]:
    """A new token and its text, which is kept nowhere; without a lifetime it never expires."""
    text = _BEGINNING + secrets.token_urlsafe(_SECRET_BYTES)
    with transaction.atomic():
        token = ApiToken.objects.create(
            user=user,
            name=name,
            digest=digest_of(text),
            prefix=text[:_SHOWN_CHARACTERS],
            expires_at=timezone.now() + lifetime if lifetime else None,
            scopes=list(scopes),
        )
        note(
            Act(
                action=Action.SECURITY,
                what="API token created",
                detail={"token": str(token), "user": user.get_username()},
                is_change=True,
            )
        )
    return token, text


# A valid token, when it was used last, what its user may do, and the user; in SQL for the reason
# that `PERMISSION_NAMES` gives.
_USER_FIELDS = [field.attname for field in User._meta.concrete_fields]
USER_AND_PERMISSIONS = f"""
    ARRAY({PERMISSION_NAMES.format(user="person.id")}),
    {", ".join(f"person.{field.column}" for field in User._meta.concrete_fields)}
"""
_USER_OF_TOKEN = f"""
    SELECT token.id, token.last_used_at, token.name, token.scopes, {USER_AND_PERMISSIONS}
    FROM accounts_apitoken token
    JOIN accounts_user person ON person.id = token.user_id
    WHERE token.digest = %(digest)s AND token.revoked_at IS NULL AND person.is_active
        AND (token.expires_at IS NULL OR token.expires_at > %(now)s)
"""  # noqa: S608 - of our own words


def find_user(text: str) -> User | None:
    """Who a valid token acts for, and what they may do.

    One query, and now and then a second that notes its use.
    """
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_USER_OF_TOKEN, {"digest": digest_of(text), "now": now})
        row = cursor.fetchone()
    if row is None:
        return None
    token_id, last_used_at, name, scopes, *person = row
    if last_used_at is None or last_used_at < now - _NOTED_EVERY:
        ApiToken.objects.filter(pk=token_id).update(last_used_at=now)
    return user_from(person, TokenInUse(name, frozenset(scopes)))


def user_from(columns: Iterable[Any], token: TokenInUse) -> User:
    """Who and what they may do, of the columns `USER_AND_PERMISSIONS`."""
    permission_names, *values = columns
    user: User = User.from_db(connection.alias, _USER_FIELDS, values)
    remember_permissions(user, permission_names)
    user.token = token
    return user


def digest_of(text: str) -> str:
    """Plain SHA-256 is enough: 256 random bits cannot be guessed from it."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
