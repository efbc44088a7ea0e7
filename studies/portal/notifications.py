"""What a person is told, and the switch to be told of a study."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.acts import Act, Action, note
from studies import retrieve
from studies.errors import GoneError, NotFoundError
from studies.reports import notifications

_SHOWN = 100
_MAX_DIGITS = 18  # of a bigint


@require_http_methods(["GET", "HEAD", "POST"])
def notification_list(request: HttpRequest) -> HttpResponse:
    """The latest; a POST marks one of them as read, by its `id`, or all."""
    if request.method == "POST":
        key = request.POST.get("id", "")
        if key.isascii() and key.isdecimal() and len(key) <= _MAX_DIGITS:
            notifications.mark_read(request.user, [int(key)])
        elif key == "all":
            notifications.mark_read(request.user, None)
        return redirect("studies:notifications")
    found = list(notifications.notifications_of(request.user)[:_SHOWN])
    uids = list(dict.fromkeys(row.study.study_instance_uid for row in found))
    note(Act(action=Action.VIEW, what="notifications opened", study_uids=uids))
    return render(request, "studies/notifications.html", {"notifications": found})


@require_POST
def follow(request: HttpRequest, study: str) -> HttpResponse:
    try:
        found = retrieve.find_study(request.user, study)
    except (NotFoundError, GoneError) as error:
        raise Http404 from error
    notifications.follow(request.user, found, wanted=request.POST.get("follow") == "yes")
    return redirect("studies:detail", study)
