"""The archive's errors as the API answers them: a status and one sentence."""

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler

from studies.errors import (
    ArchiveError,
    EditConflictError,
    GoneError,
    InvalidReportError,
    NotFoundError,
    NotPermittedError,
)

STATUS = {
    InvalidReportError: 400,
    NotPermittedError: 403,
    NotFoundError: 404,
    GoneError: 404,
    EditConflictError: 409,
}


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's EXCEPTION_HANDLER; what it does not know of stays an error of ours."""
    if isinstance(error, ArchiveError) and type(error) in STATUS:
        return Response({"detail": str(error)}, status=STATUS[type(error)])
    return exception_handler(error, context)
