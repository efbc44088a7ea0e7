"""The study list: search, table, pages."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from studies import access, changes, query, saved_searches, searches
from studies.errors import NotFoundError
from studies.filters import (
    COMMON_MODALITIES,
    PATIENT_FIELDS,
    StudyFilter,
    reader_choices,
    words_of,
)
from studies.models import ListPreference, Priority, ReadingStatus, Tag
from studies.models.worklist import Density
from studies.noting import note_search
from studies.portal import cells, columns
from studies.portal.columns import PAGE_SIZES

# What a link or a form of the list has to carry for the same search to be found again.
_PATIENT = set(PATIENT_FIELDS)
KEPT_FIELDS = (
    searches.TOKEN, searches.SAVED, "all", "sort", "size",
    *(name for name in StudyFilter.base_filters if name not in _PATIENT),
)  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
def study_list(request: HttpRequest) -> HttpResponse:
    if request.method == "POST" or any(name in request.GET for name in PATIENT_FIELDS):
        said = request.POST if request.method == "POST" else request.GET
        return redirect(f"{request.path}?{searches.remember(request, said)}")
    preference = columns.preference_of(request.user)
    if not request.GET and preference.default_search_id:
        return redirect(f"{request.path}?{searches.SAVED}={preference.default_search_id}")
    filters = search_of(request, request.GET)
    if filters is None:
        return redirect(f"{request.path}?all=1")
    choices = _choices(filters.form)
    context = _around(request, filters, preference) | choices
    if filters.is_valid():
        note_search(request.user, "studies searched", filters.form.cleaned_data)
        context["mark"] = changes.mark()  # before the page: what comes in between is told later
        context |= _page(request, filters, preference)
        context["rows"] = cells.rows(context["page"].studies, context["shown"], context["tags"])
        if not context["page"].studies and {"after", "before"} & set(request.GET):
            return redirect(request.path + _address(request.GET))  # what lay there is gone
    return render(request, "studies/study_list.html", context)


def search_of(request: HttpRequest, address: QueryDict) -> StudyFilter | None:
    """The search that an address stands for; None, and a message, where it is not there."""
    try:
        data = searches.recall(request, address)
    except NotFoundError as error:
        messages.warning(request, str(error))
        return None
    if data is None:
        messages.warning(request, "That search was of another session. Please search again.")
        return None
    return StudyFilter(data, queryset=query.studies(request.user), request=request)


def _around(
    request: HttpRequest, filters: StudyFilter, preference: ListPreference
) -> dict[str, Any]:
    """What stands around the table."""
    data = filters.data
    return {
        "filters": filters,
        "form": filters.form,
        "words": words_of(data.get("text", "")),
        "modalities": _modalities(filters.form),
        "address": _address(request.GET),
        "kept": [(n, v) for n, vs in request.GET.lists() if n in KEPT_FIELDS for v in vs],
        "saved_searches": saved_searches.searches_of(request.user),
        "roles": request.user.groups.all(),
        "saved": request.GET.get(searches.SAVED, ""),
        "preference": preference,
        "shown": columns.shown(preference),
        "hidden": columns.hidden(preference),
        "densities": Density.choices,
        "page_sizes": PAGE_SIZES,
        "filtered": bool(set(data) & set(filters.filters)),
        "may": _permissions(request),
    }


def _permissions(request: HttpRequest) -> dict[str, bool]:
    viewer = request.user
    return {
        "see": access.may_see(viewer),
        "assign": access.may_assign(viewer),
        "prioritise": access.may_prioritise(viewer),
        "tag": access.may_tag(viewer),
        "mark": access.may_report(viewer),
        "export": access.may_export(viewer),
        "delete": access.may_delete(viewer),
    }


def _choices(form: Form) -> dict[str, Any]:
    """Readers and tags, read once for the filters, the rows and what chosen rows may be given."""
    readers, tags = reader_choices(), list(Tag.objects.order_by("name"))
    form.fields["assigned_to"].choices = readers  # type: ignore[attr-defined]
    form.fields["tag"].choices = [(str(tag.pk), tag.name) for tag in tags]  # type: ignore[attr-defined]
    return {
        "tags": {tag.pk: tag for tag in tags},
        "bulk": {
            "readers": readers,
            "priorities": Priority.choices,
            "statuses": ReadingStatus.choices,
            "tags": [tag for tag in tags if not tag.is_retired],
        },
    }


def _modalities(form: Form) -> dict[str, Any]:
    """Codes and whether each is chosen: those at hand, the others, and whether one of these is."""
    chosen = set(form["modality"].value() or ())
    codes = [(code, code in chosen) for code, _ in form.fields["modality"].choices]  # type: ignore[attr-defined]
    others = codes[len(COMMON_MODALITIES) :]
    return {
        "common": codes[: len(COMMON_MODALITIES)],
        "others": others,
        "other_is_chosen": any(is_chosen for _, is_chosen in others),
    }


def _page(request: HttpRequest, filters: StudyFilter, preference: ListPreference) -> dict[str, Any]:
    """What the table and its pager show."""
    data = filters.data
    sort = sort_of(data)
    usual = preference.page_size or PAGE_SIZES[0]
    size = _number(data, "size")
    size = size if size in PAGE_SIZES else usual
    cursor = query.Cursor(
        after=_number(data, "after"), before=_number(data, "before"), from_end="end" in data
    )
    found = query.counted_page_of(request.user, filters.qs, sort=sort, size=size, cursor=cursor)
    page = found.page
    return {
        "page": page,
        "size": size,
        "total": found.total,
        "more_than_total": not found.is_exact,
        "headers": [_header(request.GET, c, sort) for c in columns.shown(preference)],
        "links": _links(request.GET, page),
    }


def sort_of(data: QueryDict) -> str:
    sort = str(data.get("sort", ""))
    return sort if sort.lstrip("-") in query.SORT_COLUMNS else query.DEFAULT_SORT


def _number(data: QueryDict, name: str) -> int | None:
    return searches.row_key(str(data.get(name, "")))


@dataclass(frozen=True, slots=True)
class Header:
    """A column's head; `address` sorts by it, empty where it cannot be sorted by."""

    label: str
    address: str
    aria_sort: str


def _header(address: QueryDict, column: columns.Column, sort: str) -> Header:
    name = column.sort
    if not name:
        return Header(column.label, "", "")
    directions = {name: "ascending", f"-{name}": "descending"}
    newest_first = name == "date"
    following = f"-{name}" if sort == name or (newest_first and sort != f"-{name}") else name
    return Header(column.label, _address(address, sort=following), directions.get(sort, "none"))


def _links(address: QueryDict, page: query.Page) -> dict[str, str]:
    links = {}
    if page.has_previous and page.studies:
        links["first"] = _address(address)
        links["previous"] = _address(address, before=page.studies[0].pk)
    if page.has_next and page.studies:
        links["next"] = _address(address, after=page.studies[-1].pk)
        links["last"] = _address(address, end=1)
    return links


def _address(address: QueryDict, **changes: object) -> str:
    """The same search at another place or in another order; no patient data stands in it."""
    wanted = address.copy()
    for name in ("after", "before", "end"):
        wanted.pop(name, None)
    for name, value in changes.items():
        wanted[name] = str(value)
    return f"?{wanted.urlencode()}"
