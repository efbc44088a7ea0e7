"""The archive's errors in the words of the JSON API."""

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler

from studies.errors import (
    ArchiveError,
    BusyError,
    EditConflictError,
    GoneError,
    InvalidInstanceError,
    InvalidQueryError,
    InvalidReportError,
    MalformedBodyError,
    NotFoundError,
    NotPermittedError,
    StorageError,
)

_STATUS = {
    MalformedBodyError: 400,
    InvalidReportError: 400,
    InvalidQueryError: 400,
    NotPermittedError: 403,
    NotFoundError: 404,
    GoneError: 404,
    InvalidInstanceError: 409,
    EditConflictError: 409,
    BusyError: 503,
    StorageError: 503,
}


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """One sentence as `detail`, whoever raised it; None of what is a fault, to be raised again."""
    if not isinstance(error, ArchiveError):
        return exception_handler(error, context)
    status = next((_STATUS[base] for base in type(error).__mro__ if base in _STATUS), None)
    return None if status is None else Response({"detail": str(error)}, status=status)
