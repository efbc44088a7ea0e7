"""What allauth may do here: sign known people in, and let them change or reset their password."""

import logging
import threading
from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as current
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url

from accounts import attempts
from accounts.addresses import client_address
from accounts.answers import too_many_requests
from accounts.models import User

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    # One text for an unknown name and for a wrong password: it must not say who has an account.
    error_messages: ClassVar[dict[str, Any]] = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": (
            "This user name and password do not belong together. Check both and try again."
        ),
        "enter_current_password": (
            "This is not your current password. Type the one you signed in with."
        ),
        "incorrect_password": "This is not your password. Type the one you signed in with.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """Accounts are made by administrators."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Who this password is of; asked by the sign-in page, and before something is changed."""
        account = credentials.get("username", "")
        if wait := attempts.begin(request, account):
            raise ImmediateHttpResponse(too_many_requests(request, wait))
        user = authenticate(request, **credentials)
        if not isinstance(user, User):
            attempts.failed("wrong password", User.objects.filter(username=account).first())
            return None
        attempts.succeeded(request, account)
        return user

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:  # noqa: ARG002
        """Of single sign-on; for a password there is no such account."""
        messages.error(request, "Your account is closed. An administrator can open it again.")
        return redirect("account_login")

    def send_password_reset_mail(self, user: Any, email: str, context: dict[str, Any]) -> None:
        """To who has a password: single sign-on is not gone around."""
        if user.has_usable_password():
            super().send_password_reset_mail(user, email, context)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Sent beside the answer, whose time would else tell which addresses are known."""
        context = {"request": current.request, "email": email, **context}
        message = self.render_mail(template_prefix, email, context)
        threading.Thread(target=_send, args=(message,), name="mail").start()


def _send(message: Any) -> None:
    try:
        message.send()
    except OSError:
        # No address: it is of a person. Whoever waits for the mail asks for another.
        logger.exception("A mail could not be sent")
