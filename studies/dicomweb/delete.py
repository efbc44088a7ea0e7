"""Deleting by DELETE on what would be retrieved; the standard leaves this to each archive."""

import json

from django.http import HttpRequest, HttpResponse

from studies import deletion
from studies.dicomweb.errors import answers_errors
from studies.errors import InvalidQueryError

_MAX_BODY = 8192


@answers_errors
def delete_instances(
    request: HttpRequest, study: str, series: str | None = None, instance: str | None = None
) -> HttpResponse:
    """Delete a study, a series or an instance: 204, then 410 to whoever asks for it."""
    deletion.delete(request.user, study, series, instance, reason=_reason(request))
    return HttpResponse(status=204)


def _reason(request: HttpRequest) -> str:
    """From the header `Deletion-Reason` or a JSON body; never from the address, which is logged."""
    if header := request.headers.get("Deletion-Reason"):
        return header
    content = request.read(_MAX_BODY)
    if not content:
        return ""
    try:
        return str(json.loads(content)["reason"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidQueryError('The body of a deletion is {"reason": "…"}.') from error
