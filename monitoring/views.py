"""The health of the portal, and what it says when it fails."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.answers import PROGRAM_PREFIXES
from monitoring.serializers import HealthSerializer


class HealthView(APIView):
    """Whether the portal and what it stands on are working; `HealthMiddleware` has asked."""

    @extend_schema(operation_id="health", responses={200: HealthSerializer, 503: HealthSerializer})
    def get(self, request: Request) -> Response:
        answer = request._request.health  # type: ignore[attr-defined]  # noqa: SLF001
        return Response(answer, headers={"Cache-Control": "no-store"})


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: 503 while the database is away, else 500; asks no database itself."""
    database_is_away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    return _answer(request, 503 if database_is_away else 500)


def answer_unavailable(request: HttpRequest) -> HttpResponse:
    return _answer(request, 503)


def _answer(request: HttpRequest, status: int) -> HttpResponse:
    again = {"Retry-After": "5"} if status == 503 else {}  # noqa: PLR2004 - unavailable
    headers = {"Cache-Control": "no-store"} | again
    if request.path.startswith(PROGRAM_PREFIXES):
        return JsonResponse({"detail": _DETAIL[status]}, status=status, headers=headers)
    return HttpResponse(render_to_string(f"{status}.html"), status=status, headers=headers)


_DETAIL = {
    500: "The portal failed at this request. It has been logged.",
    503: "The database does not answer. Try again in a few seconds.",
}
