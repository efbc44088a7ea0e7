"""What allauth may do here: sign known people in, and let them change their password."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url


class AccountAdapter(DefaultAccountAdapter):
    # One text for an unknown name and for a wrong password: it must not say who has an account.
    error_messages: ClassVar[dict[str, Any]] = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": (
            "This user name and password do not belong together. Check both and try again; "
            "if you have forgotten your password, an administrator can set a new one."
        ),
        "too_many_login_attempts": (
            "Too many failed attempts to sign in. Wait five minutes, then try again."
        ),
        "enter_current_password": (
            "This is not your current password. Type the one you signed in with."
        ),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """Accounts are made by administrators."""
        return False

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002
        return resolve_url(settings.LOGIN_REDIRECT_URL)
