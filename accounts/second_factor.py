"""Codes of an authenticator app (RFC 6238) and recovery codes, beside the password.

The secrets are allauth's rows, encrypted here. WebAuthn is not offered.
"""

import base64
import hashlib
import re
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import transaction
from django.utils.crypto import constant_time_compare

from accounts.backends import roles_of
from accounts.models import User
from accounts.roles import Role

# In the session: its user has a second factor, which need not be asked of the database again.
IN_SESSION = "has_second_factor"
_LAST_COUNTER = "last_counter"


def is_required(user: Any) -> bool:
    """Whether a role of theirs must have one; superusers count as administrators."""
    required = set(settings.PACS_MFA_REQUIRED_ROLES)
    if not required:
        return False
    return bool(roles_of(user) & required) or (user.is_superuser and Role.ADMINISTRATOR in required)


def is_set_up(user: Any) -> bool:
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


def check(user: User, code: str) -> Authenticator | None:
    """The authenticator that the code is of, which then is used up: no code is good twice."""
    digits = re.sub(r"[\s-]", "", code)
    with transaction.atomic():
        rows = {
            row.type: row for row in Authenticator.objects.select_for_update().filter(user=user)
        }
        totp = rows.get(Authenticator.Type.TOTP)
        if totp and _is_next_code(totp, digits):
            return totp
        recovery = rows.get(Authenticator.Type.RECOVERY_CODES)
        return recovery if recovery and recovery.wrap().validate_code(digits) else None


def reset(user: User) -> None:
    """Take away what somebody lost; they set up another, or sign in by password alone."""
    Authenticator.objects.filter(user=user).delete()


def use_up_until_now(authenticator: Authenticator) -> None:
    """The code that set up an authenticator is used as well."""
    *_, newest = yield_hotp_counters_from_time()
    authenticator.data[_LAST_COUNTER] = newest - settings.MFA_TOTP_TOLERANCE
    authenticator.save(update_fields=["data"])


def _is_next_code(totp: Authenticator, digits: str) -> bool:
    """Of the present half minute or its neighbours, and later than the last that was used."""
    adapter, data = Adapter(), totp.data
    secret = adapter.decrypt(data["secret"])
    for counter in yield_hotp_counters_from_time():
        expected = format_hotp_value(hotp_value(secret, counter))
        if counter > data.get(_LAST_COUNTER, 0) and constant_time_compare(digits, expected):
            # Encrypted anew, so that a change of the secret key reaches those who sign in.
            totp.data = data | {_LAST_COUNTER: counter, "secret": adapter.encrypt(secret)}
            totp.save(update_fields=["data"])
            return True
    return False


class Adapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Whoever reads the database, or a copy of it, cannot make codes."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": (
            "This code is not valid: it may be mistyped, too old or used before. "
            "Type the one that your app shows now."
        ),
        "cannot_delete_authenticator": (
            "Your role needs a second factor. An administrator can reset it if you have lost yours."
        ),
    }

    def encrypt(self, text: str) -> str:
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _fernet().decrypt(encrypted_text.encode()).decode()

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        return not is_required(authenticator.user)


def _fernet() -> MultiFernet:
    """By keys that follow from the secret key, and from its former ones."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = (hashlib.sha256(f"second factor:{secret}".encode()).digest() for secret in secrets)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
