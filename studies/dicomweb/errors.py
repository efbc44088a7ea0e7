"""The archive's errors in HTTP's words."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from studies.errors import (
    ArchiveError,
    BusyError,
    EditConflictError,
    GoneError,
    InvalidAccessError,
    InvalidInstanceError,
    InvalidQueryError,
    InvalidReportError,
    MalformedBodyError,
    NotAvailableError,
    NotFoundError,
    NotPermittedError,
    StorageError,
    UnsupportedMediaTypeError,
)

P = ParamSpec("P")

STATUS = {
    InvalidQueryError: 400,
    MalformedBodyError: 400,
    InvalidReportError: 400,
    InvalidAccessError: 400,
    NotPermittedError: 403,
    NotFoundError: 404,
    NotAvailableError: 406,
    InvalidInstanceError: 409,
    EditConflictError: 409,
    GoneError: 410,
    UnsupportedMediaTypeError: 415,
    BusyError: 503,
    StorageError: 503,
}
_RETRY_SECONDS = 5


def answers_errors(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Turn an ArchiveError of the view into its status and one sentence."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except ArchiveError as error:
            return _answer(error)

    return answer  # type: ignore[return-value]


def status_of(kind: type[ArchiveError]) -> int:
    """Of the nearest kind of error that has one."""
    return next((STATUS[base] for base in kind.__mro__ if base in STATUS), 500)


def _answer(error: ArchiveError) -> JsonResponse:
    status = status_of(type(error))
    again = {"Retry-After": str(_RETRY_SECONDS)} if status == STATUS[BusyError] else {}
    return JsonResponse({"error": str(error)}, status=status, headers=again)
