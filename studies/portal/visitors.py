"""Whoever has come by a link: a session of its own, which reaches one study and nothing else."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase

from accounts.answers import is_of_a_program
from studies.access import SharedVisitor
from studies.models import ShareLink
from studies.sharing import find_visitor

_SESSION_KEY = "share_link"
# Longer than anybody looks at one study.
_LONGEST_SECONDS = 4 * 60 * 60

# What the viewer asks for, by the names of the addresses.
_WITHOUT_IDENTITY = {
    "studies:view", "api:hanging", "api:presentation", "api:measurements", "api:key-images",
    "api:dictionary", "session", "dicomweb:series", "dicomweb:series-metadata", "dicomweb:frames",
    "dicomweb:series-thumbnail", "api:acts",
}  # fmt: skip
_WITH_IDENTITY = _WITHOUT_IDENTITY | {
    "studies:document", "studies:encapsulated-file", "dicomweb:retrieve-instance",
    "dicomweb:instance-metadata", "dicomweb:bulk-data", "dicomweb:rendered-instance",
    "dicomweb:rendered-frames",
}  # fmt: skip


class SharedVisitorMiddleware:
    """Puts the visitor in the place of nobody where the viewer of their study goes.

    Elsewhere they stay nobody: pages ask them to sign in. What the viewer's script may not have is
    not there, since a refusal would tell it that the session has ended.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],  # noqa: ARG002 - Django's signature
        view_args: tuple[Any, ...],  # noqa: ARG002
        view_kwargs: dict[str, Any],
    ) -> None:
        if request.user.is_authenticated:
            return
        key = request.session.get(_SESSION_KEY)
        visitor = find_visitor(key) if key else None
        match = request.resolver_match
        if visitor is None or match is None:
            return  # the link has ended: they are nobody again
        if _is_for(visitor, request, match.view_name, view_kwargs):
            request.user = visitor
        elif is_of_a_program(request):
            raise Http404


def _is_for(
    visitor: SharedVisitor, request: HttpRequest, where: str, names: dict[str, Any]
) -> bool:
    own = visitor.link.study.study_instance_uid
    allowed = _WITHOUT_IDENTITY if visitor.link.deidentified else _WITH_IDENTITY
    # That they print or save a picture is for the audit trail, and changes nothing.
    is_safe = request.method in ("GET", "HEAD") or where == "api:acts"
    return is_safe and where in allowed and names.get("study", own) == own


def receive(request: HttpRequest, link: ShareLink) -> None:
    """Begin a session of whoever has opened a link; the secret is not kept in it."""
    request.session.flush()
    request.session[_SESSION_KEY] = link.pk
    request.session.set_expiry(_LONGEST_SECONDS)
