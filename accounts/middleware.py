"""Nothing is readable without sign-in unless its view says so (`login_not_required`)."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponseBase, JsonResponse

PROGRAM_PREFIXES = ("/api/", "/dicom-web/")


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
        if request.path.startswith(PROGRAM_PREFIXES) and not request.user.is_authenticated:
            return _unauthorized()
        return super().process_view(request, view_func, view_args, view_kwargs)


def _unauthorized() -> JsonResponse:
    """401 with the challenge that RFC 9110 15.5.2 demands."""
    return JsonResponse(
        {"detail": "Sign in first: this address answers only to a signed-in session."},
        status=401,
        headers={"WWW-Authenticate": 'Session realm="PACS Portal"', "Cache-Control": "no-store"},
    )
