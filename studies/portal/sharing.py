"""Who else may see a study: grants and links on a page of it, and the door that a link opens."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.addresses import address_to_limit
from accounts.limits import retry_after
from studies import granting, retrieve, sharing
from studies.access import may_grant, may_share
from studies.errors import GoneError, InvalidAccessError, NotFoundError, NotPermittedError
from studies.portal import visitors
from studies.portal.emergency import too_many_attempts
from studies.portal.forms import GrantForm, ShareForm


@require_http_methods(["GET", "HEAD", "POST"])
def study_access(request: HttpRequest, study: str) -> HttpResponse:
    """Grants and links of a study; a POST gives or takes back one of them, as its `do` says."""
    try:
        found = retrieve.find_study(request.user, study)
        if not (may_grant(request.user) or may_share(request.user)):
            raise PermissionDenied
        told = _do(request, study) if request.method == "POST" else {}
    except (NotFoundError, GoneError) as error:
        raise Http404 from error
    except NotPermittedError as error:
        raise PermissionDenied from error
    if told is None:
        return redirect("studies:access", study)
    context = {
        "study": found,
        "grants": granting.grants_of(found) if may_grant(request.user) else [],
        "links": sharing.links_of(found) if may_share(request.user) else [],
        "grant_form": GrantForm() if may_grant(request.user) else None,
        "share_form": ShareForm() if may_share(request.user) else None,
        "not_without_identity": sharing.why_not_without_identity(found),
    }
    return render(request, "studies/study_access.html", context | told)


def _do(request: HttpRequest, study: str) -> dict[str, Any] | None:
    """What the page has to say besides; None if it is to be shown anew."""
    match request.POST.get("do"):
        case "grant":
            return _grant(request, study)
        case "share":
            return _share(request, study)
        case "revoke-grant":
            granting.revoke_grant(request.user, study, _key(request))
            messages.success(request, "The grant has been revoked.")
        case "revoke-link":
            sharing.revoke_link(request.user, study, _key(request))
            messages.success(request, "The link has been revoked; it opens nothing any more.")
    return None


def _grant(request: HttpRequest, study: str) -> dict[str, Any] | None:
    form = GrantForm(request.POST)
    if form.is_valid():
        username, reason = form.cleaned_data["username"], form.cleaned_data["reason"]
        try:
            granting.grant(
                request.user, study, username=username, reason=reason, lifetime=form.lifetime
            )
        except InvalidAccessError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{username} may see this study now.")
            return None
    return {"grant_form": form}


def _share(request: HttpRequest, study: str) -> dict[str, Any]:
    """The address of a new link is in this one answer and nowhere else."""
    form = ShareForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            link, token = sharing.share(
                request.user,
                study,
                recipient=data["recipient"],
                lifetime=form.lifetime,
                deidentified=data["deidentified"],
                max_opens=data["max_opens"],
            )
        except InvalidAccessError as error:
            form.add_error(None, str(error))
        else:
            address = request.build_absolute_uri(reverse("studies:share", args=[token]))
            return {"new_link": link, "address": address}
    return {"share_form": form}


def _key(request: HttpRequest) -> int:
    text = request.POST.get("key", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 19):  # noqa: PLR2004 - bigint
        raise NotFoundError("There is no such grant or link.")
    return int(text)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """The door: a button, so that a preview of the link in a mail opens and counts nothing."""
    if seconds := retry_after("share", address_to_limit(request)):
        return too_many_attempts(request, seconds)
    try:
        link = sharing.find_link(token)
        if request.method == "POST" and not request.user.is_authenticated:
            link = sharing.open_link(token)
            visitors.receive(request, link)
            return redirect("studies:view", link.study.study_instance_uid)
        context, status = {"link": link}, 200
    except NotFoundError:
        context, status = {}, 404
    response = render(request, "studies/share.html", context, status=status)
    # The address is told to nobody. With `no-referrer` the browser would keep back the origin of
    # the form as well, by which the CSRF check knows it.
    response.headers["Referrer-Policy"] = "strict-origin"
    return response
