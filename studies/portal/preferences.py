"""A person's columns and saved searches."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from studies import saved_searches
from studies.errors import ArchiveError, NotFoundError
from studies.models.worklist import SavedSearch
from studies.portal import columns
from studies.portal.columns import preference_of
from studies.portal.worklist import back_to_list
from studies.searches import SAVED, recall, row_key

LEFT, RIGHT = -1, 1


@require_POST
def preference(request: HttpRequest) -> HttpResponse:
    said = request.POST
    names = list(map(str, said.getlist("column")))
    for button, step in (("left", LEFT), ("right", RIGHT)):
        names = columns.moved(names, str(said.get(button, "")), step)
    if "usual" in said:
        names = columns.USUAL
    columns.keep(
        request.user,
        columns=names,
        page_size=str(said.get("page_size", "")),
        density=str(said.get("density", "")),
    )
    return redirect(back_to_list(request))


@require_http_methods(["GET", "HEAD", "POST"])
def searches(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _change(request, request.user)  # type: ignore[arg-type]  # nobody anonymous comes here
    context = {
        "searches": saved_searches.searches_of(request.user),
        "preference": preference_of(request.user),
    }
    return render(request, "studies/saved_searches.html", context)


def _change(request: HttpRequest, user: User) -> HttpResponse:
    said = request.POST
    try:
        if "delete" in said:
            saved_searches.delete(user, row_key(said["delete"]) or 0)
            messages.success(request, "Search deleted.")
        elif "default" in said:
            saved_searches.make_default(user, row_key(said["default"]))
            messages.success(request, "The list begins so from now on.")
        else:
            saved = _save(request, user)
            return redirect(f"/?{SAVED}={saved.pk}")
    except ArchiveError as error:
        messages.error(request, str(error))
        if "name" in said:
            return redirect(back_to_list(request))
    return redirect("studies:searches")


def _save(request: HttpRequest, user: User) -> SavedSearch:
    """The search of the list that the form stands on."""
    search = recall(request, request.POST)
    if search is None:
        raise NotFoundError("That search was of another session: search again.")
    return saved_searches.save(
        user, str(search["name"]), dict(search.lists()), role=str(search.get("role", ""))
    )
