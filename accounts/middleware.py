"""Nothing is readable without sign-in unless its view says so (`login_not_required`)."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from accounts.models import User
from accounts.tokens import find_user

PROGRAM_PREFIXES = ("/api/", "/dicom-web/")
_REALM = 'realm="PACS Portal"'


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
                return _unauthorized(
                    "This token is not valid: it may be mistyped, expired or revoked.",
                    f'Bearer {_REALM}, error="invalid_token"',
                )
            request.user = user
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # noqa: SLF001
        return self.get_response(request)


def _user_of_basic(credentials: str) -> User | None:
    """The user of the token, who must also be the one that is named."""
    try:
        name, _, token = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    user = find_user(token)
    return user if user and user.get_username() == name else None


_READ = {"bearer": find_user, "basic": _user_of_basic}


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Pages redirect to the sign-in page; programs get 401, which a redirect would hide."""

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        # Asked before the view: REST framework marks all of its views as open.
        if request.path_info.startswith(PROGRAM_PREFIXES) and not request.user.is_authenticated:
            # No challenge of Basic: a browser would ask for a password in a window of its own.
            return _unauthorized(
                "Sign in first, or show an API token: this address answers to nobody else.",
                f"Session {_REALM}, Bearer {_REALM}",
            )
        return super().process_view(request, view_func, view_args, view_kwargs)


def _unauthorized(sentence: str, challenge: str) -> JsonResponse:
    """401 with the challenge that RFC 9110 15.5.2 demands."""
    return JsonResponse(
        {"detail": sentence},
        status=401,
        headers={"WWW-Authenticate": challenge, "Cache-Control": "no-store"},
    )
