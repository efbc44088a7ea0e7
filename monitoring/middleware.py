"""What must be answered before anything else can refuse, fail or wait."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

from monitoring.drain import is_draining
from monitoring.health import health, probe_components

HEALTH_PATH = "/api/health/"


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


class HealthMiddleware:
    """Says that the portal is down before the session asks a database that may never answer.

    Nobody can show who they are then, so this answer is for everyone; the view gives all others.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == HEALTH_PATH:
            answer = health(probe_components())
            if answer["state"] == "down":
                return JsonResponse(answer, status=503, headers={"Cache-Control": "no-store"})
            request.health = answer  # type: ignore[attr-defined]  # for the view
        return self.get_response(request)


def _answer(status: int, text: str) -> HttpResponse:
    return HttpResponse(
        f"{text}\n",
        status=status,
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )
