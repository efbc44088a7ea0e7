"""What must be answered before anything else can refuse, fail or wait; and the audit trail."""

import logging
from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse

from monitoring.audit import recording
from monitoring.audit.refusals import refusal_of
from monitoring.drain import is_draining
from monitoring.health import health, probe_components
from monitoring.views import answer_unavailable

HEALTH_PATH = "/api/health/"
_logger = logging.getLogger(__name__)


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


class AuditMiddleware:
    """Keeps what was done in a request before the first byte of its answer, or gives no answer.

    Stands inside the session's middleware, which saves no session of a request that fails.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with recording.collecting(request) as collected:
            response = self.get_response(request)
        try:
            collected.complete(response.status_code, refusal_of(request, response.status_code))
        except DatabaseError as error:
            response.close()
            # Its message may quote values; its class says enough.
            reason = type(error).__name__
            _logger.error("The audit trail could not be written (%s).", reason)  # noqa: TRY400
            return answer_unavailable(request)
        return response
