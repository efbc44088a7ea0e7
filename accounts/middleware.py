"""Who may come in, how often, and for how long; asked of each request before its view.

Nothing is readable without sign-in unless its view says so (`login_not_required`; a class of the
API: `is_open_to_all`).
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from accounts import grants, second_factor, tokens
from accounts.addresses import address_to_limit
from accounts.answers import (
    PROGRAM_PREFIXES,
    REALM,
    forbidden,
    is_of_a_program,
    too_many_requests,
    unauthorized,
)
from accounts.limits import retry_after, retry_after_in_blocks
from accounts.models import Scope, TokenInUse, User
from accounts.sessions import touch

View = Callable[..., HttpResponseBase]


class ApiTokenMiddleware:
    """Programs show a token, as Bearer (RFC 6750) or as the password of Basic (RFC 7617).

    Many DICOMweb clients know Basic only. The account's own password is not taken there: it would
    be a second door to guess at. Where a token is shown the session cookie is not read, so no other
    site can make a browser send the request, and the CSRF check has nothing to guard.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() in _READ and request.path_info.startswith(PROGRAM_PREFIXES):
            user = _READ[scheme.lower()](credentials.strip())
            if user is None:
                return _refuse_token(request)
            request.user = user
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # noqa: SLF001
        return self.get_response(request)


def _refuse_token(request: HttpRequest) -> HttpResponse:
    if wait := retry_after("api", f"address:{address_to_limit(request)}"):
        return too_many_requests(request, wait)
    return unauthorized(
        "This token is not valid: it may be mistyped, expired or revoked.",
        f'Bearer {REALM}, error="invalid_token"',
    )


def _user_of_token(text: str) -> User | None:
    """A signed token has two dots, the others have none."""
    return grants.find_user(text) if "." in text else tokens.find_user(text)


def _user_of_basic(credentials: str) -> User | None:
    """The user of the token, who must also be the one that is named."""
    try:
        name, _, token = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    user = _user_of_token(token)
    return user if user and user.get_username() == name else None


_READ = {"bearer": _user_of_token, "basic": _user_of_basic}


class _AskedBeforeView:
    """A middleware that only looks at each request before its view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Pages redirect to the sign-in page; programs get 401, which a redirect would hide."""

    def process_view(
        self,
        request: HttpRequest,
        view_func: View,
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        # Asked before the view: REST framework marks all of its views as open.
        if is_of_a_program(request):
            if request.user.is_authenticated or _says(view_func, "is_open_to_all"):
                return None
            # No challenge of Basic: a browser would ask for a password in a window of its own.
            return unauthorized(
                "Sign in first, or show an API token: this address answers to nobody else.",
                f"Session {REALM}, Bearer {REALM}",
            )
        return super().process_view(request, view_func, view_args, view_kwargs)


class ScopeMiddleware(_AskedBeforeView):
    """A token opens what its scopes say, of that which its user may do (RFC 6750 3.1)."""

    def process_view(
        self, request: HttpRequest, view_func: View, *_arguments: Any
    ) -> HttpResponseBase | None:
        token = _token(request)
        needed = _scope_of(request, view_func)
        if token is None or needed in token.scopes:
            return None
        response = forbidden(request, f"This token is not for that: its scopes lack {needed}.")
        response.headers["WWW-Authenticate"] = (
            f'Bearer {REALM}, error="insufficient_scope", scope="{needed}"'
        )
        return response


def _scope_of(request: HttpRequest, view_func: View) -> Scope:
    if request.method in {"GET", "HEAD", "OPTIONS"} or _says(view_func, "only_reads"):
        return Scope.READ
    return Scope.DELETE if request.method == "DELETE" else Scope.WRITE


class RateLimitMiddleware(_AskedBeforeView):
    """How often programs and pages may ask; what guesses at passwords counts in `attempts`."""

    def process_view(
        self, request: HttpRequest, _view_func: View, *_arguments: Any
    ) -> HttpResponseBase | None:
        wait = _wait(request)
        return too_many_requests(request, wait) if wait else None


# Asked every few seconds by each page that is open.
_POLLED = {"monitoring:health", "session"}
_FORMS = {
    "account_reset_password": "password_reset",
    "account_reset_password_from_key": "password_reset",
    "api-token": "token",
    "api-token-refresh": "token",
    "api-token-revoke": "token",
}


def _wait(request: HttpRequest) -> int | None:
    """Seconds to wait, if there were too many of the same kind."""
    name = _view_name(request)
    if request.method == "POST" and name in _FORMS:
        return retry_after(_FORMS[name], f"address:{address_to_limit(request)}")
    if not is_of_a_program(request) or name in _POLLED:
        return None
    is_token = _token(request) is not None
    # Whoever has come by a link is no user.
    key = f"user:{request.user.pk}" if request.user.pk else f"address:{address_to_limit(request)}"
    if request.path_info.startswith("/dicom-web/"):
        if request.method == "POST" and not is_token:
            return retry_after("upload", key)
        return retry_after_in_blocks("dicomweb", key)
    return retry_after("api", key) if is_token else retry_after_in_blocks("page", key)


class SessionActivityMiddleware(_AskedBeforeView):
    """What a person does prolongs their session; what a page asks by itself does not.

    Such a page says so by the header `X-Background`, or its address is known to be polled.
    """

    def process_view(
        self, request: HttpRequest, _view_func: View, *_arguments: Any
    ) -> HttpResponseBase | None:
        if not _is_in_a_session(request):
            return None
        if "X-Background" in request.headers or _view_name(request) in _POLLED:
            request.session.is_activity = False  # type: ignore[attr-defined]
        else:
            touch(request.session)
        return None


# What sets up a second factor, ends the session, or says nothing of patients.
_BEFORE_SECOND_FACTOR = _POLLED | {
    "account_logout", "account_reauthenticate", "mfa_activate_totp", "mfa_reauthenticate",
}  # fmt: skip


class SecondFactorMiddleware(_AskedBeforeView):
    """Whose role needs a second factor does nothing before it is set up."""

    def process_view(
        self, request: HttpRequest, _view_func: View, *_arguments: Any
    ) -> HttpResponseBase | None:
        if not _is_in_a_session(request) or not second_factor.is_required(request.user):
            return None
        if second_factor.IN_SESSION in request.session:
            return None
        if second_factor.is_set_up(request.user):
            request.session[second_factor.IN_SESSION] = True
            return None
        if _view_name(request) in _BEFORE_SECOND_FACTOR:
            return None
        if is_of_a_program(request):
            return forbidden(
                request, "Your role needs a second factor. Sign in to the portal and set it up."
            )
        return redirect(reverse("mfa_activate_totp"))


def _token(request: HttpRequest) -> TokenInUse | None:
    return getattr(request.user, "token", None)


def _is_in_a_session(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.token is None


def _view_name(request: HttpRequest) -> str:
    return request.resolver_match.view_name if request.resolver_match else ""


def _says(view_func: View, mark: str) -> bool:
    """Whether a view, or the class that it is of, carries a mark."""
    return bool(getattr(getattr(view_func, "cls", view_func), mark, False))
