"""The archive's errors in HTTP's words."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from studies.errors import (
    ArchiveError,
    BusyError,
    GoneError,
    InvalidQueryError,
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
    NotPermittedError: 403,
    NotFoundError: 404,
    NotAvailableError: 406,
    GoneError: 410,
    UnsupportedMediaTypeError: 415,
    BusyError: 503,
    StorageError: 503,
}


def answers_errors(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Turn an ArchiveError of the view into its status and one sentence."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except ArchiveError as error:
            return JsonResponse({"error": str(error)}, status=STATUS.get(type(error), 500))

    return answer  # type: ignore[return-value]
