"""Liveness and readiness, answered before anything else can refuse or fail."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from monitoring.drain import is_draining


class ProbeMiddleware:
    """Answers `/livez` and `/readyz` by itself: no host check, redirect, session or database.

    Neither asks the database: when it blinks, every replica would be taken out at once.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in {"GET", "HEAD"}:
            if request.path_info == "/livez":
                return _answer(200, "ok")
            if request.path_info == "/readyz":
                return _answer(503, "draining") if is_draining() else _answer(200, "ok")
        return self.get_response(request)


def _answer(status: int, text: str) -> HttpResponse:
    return HttpResponse(
        f"{text}\n",
        status=status,
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )
