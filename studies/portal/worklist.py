"""Forms by which people change studies of the list: one on its page, or several at once."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.models import User
from studies import access, deletion, query, worklist
from studies.errors import ArchiveError, GoneError, InvalidQueryError, NotFoundError
from studies.models import Priority, ReadingStatus, Study, Tag
from studies.search_words import ME, NOBODY

# Comments of a study's page; the newest.
MAX_COMMENTS = 100
_DONE = {
    "assign": "Reader changed.",
    "prioritise": "Priority changed.",
    "tag": "Tags changed.",
    "untag": "Tags changed.",
    "mark": "Reading status changed.",
    "comment": "Comment added.",
    "delete": "Deleted.",
}


def _steps(request: HttpRequest, data: QueryDict) -> dict[str, Callable[[str], object]]:
    """What a form may ask to be done to a study, by name."""
    viewer = request.user

    def value(name: str) -> str:
        return str(data.get(name, ""))

    return {
        "assign": lambda uid: worklist.assign(
            viewer, uid, _reader(request, value("reader")), may_replace=value("replace") == "yes"
        ),
        "prioritise": lambda uid: worklist.prioritise(viewer, uid, value("priority")),
        "tag": lambda uid: worklist.tag(viewer, uid, add=[_key(value("tag"))]),
        "untag": lambda uid: worklist.tag(viewer, uid, remove=[_key(value("tag"))]),
        "mark": lambda uid: worklist.mark(viewer, uid, value("status")),
        "comment": lambda uid: worklist.comment(viewer, uid, value("comment")),
        "delete": partial(deletion.delete, viewer, reason=value("reason")),
    }


def _reader(request: HttpRequest, value: str) -> User | None:
    if value in ("", NOBODY):
        return None
    key = str(request.user.pk) if value == ME else value
    reader = worklist.readers().filter(pk=_key(key)).first()
    if reader is None:
        raise InvalidQueryError("Studies are assigned to people who may report.")
    return reader


def _key(value: str) -> int:
    if not value.isdecimal() or len(value) > 9:  # noqa: PLR2004 - of an integer
        raise InvalidQueryError("Choose one of the list.")
    return int(value)


@require_POST
def change(request: HttpRequest, study: str) -> HttpResponse:
    act = str(request.POST.get("act", ""))
    step = _steps(request, request.POST).get(act)
    if step is None or act == "delete":  # which takes its own page away
        raise Http404
    try:
        step(study)
    except (NotFoundError, GoneError) as error:
        raise Http404 from error
    except ArchiveError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _DONE[act])
    return redirect("studies:detail", study)


@require_POST
def change_many(request: HttpRequest) -> HttpResponse:
    """The chosen studies of the list, each for itself; says of each what became of it."""
    act = str(request.POST.get("act", ""))
    step = _steps(request, request.POST).get(act)
    if step is None or act == "comment":
        raise Http404
    uids = [str(uid) for uid in request.POST.getlist("study")]
    described = _described(request, uids)  # before: what is deleted is not there to be described
    try:
        results = worklist.each(uids, step)
    except InvalidQueryError as error:
        messages.error(request, str(error))
        return redirect(back_to_list(request))
    context = {
        "done": _DONE[act],
        "number": sum(not refusal for refusal in results.values()),
        "results": [(uid, described.get(uid), refusal) for uid, refusal in results.items()],
        "was_deleted": act == "delete",
        "back": back_to_list(request),
    }
    return render(request, "studies/changed.html", context)


def _described(request: HttpRequest, uids: list[str]) -> dict[str, Study]:
    found = query.studies(request.user).filter(study_instance_uid__in=uids[: worklist.MAX_STUDIES])
    return {study.study_instance_uid: study for study in found}


def back_to_list(request: HttpRequest) -> str:
    """The list that the form stands on: a query string of ours, never another address."""
    address = str(request.POST.get("back", ""))
    return f"/{address}" if address.startswith("?") else "/"


def card_of(request: HttpRequest, study: Study) -> dict[str, Any]:
    """What the study's page says of the worklist, and what this person may change of it."""
    viewer = request.user
    comments = study.comments.select_related("author").order_by("-pk")
    tags = Tag.objects.filter(pk__in=study.tags).order_by("name") if study.tags else []
    may_tag, may_assign = access.may_tag(viewer), access.may_assign(viewer)
    return {
        "tags": tags,
        "other_tags": Tag.objects.filter(is_retired=False).exclude(pk__in=study.tags)
        .order_by("name") if may_tag else [],
        "may_tag": may_tag,
        "may_assign": may_assign,
        "readers": worklist.readers() if may_assign else [],
        "may_prioritise": access.may_prioritise(viewer),
        "priorities": Priority.choices,
        "may_comment": access.may_comment(viewer),
        "comments": comments[:MAX_COMMENTS] if study.number_of_comments else [],
        "statuses": ReadingStatus.choices,
    }  # fmt: skip
