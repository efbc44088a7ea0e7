"""Requests that were refused, as acts: who tried what without being allowed to."""

from django.http import HttpRequest

from accounts.acts import Act, Action, Outcome

_WHAT = {
    401: "credentials refused",
    403: "not permitted",
    404: "not found",
    410: "not found",
    429: "limit reached",
}


def refusal_of(request: HttpRequest, status: int) -> Act | None:
    """What a refusal tells; None where it tells of nobody and of nothing.

    Without credentials it is nobody's act, and there would be no end of them. What is not found is
    one only where an address names a record: it may be there, and not for this person.
    """
    if status not in _WHAT or not _is_of_somebody(request):
        return None
    match = request.resolver_match
    names = match.kwargs if match else {}
    if _WHAT[status] == "not found" and not {"study", "pk"} & set(names):
        return None
    return Act(
        action=Action.REFUSAL,
        what=_WHAT[status],
        outcome=Outcome.REFUSED,
        study_uids=[names["study"]] if names.get("study") else [],
        object_uids=[names[name] for name in ("series", "instance") if names.get(name)],
    )


def _is_of_somebody(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return "Authorization" in request.headers or bool(user and user.is_authenticated)
