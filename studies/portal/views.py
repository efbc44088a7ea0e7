"""The pages: study list, study, viewer."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.acts import Act, Action, note
from studies import documents, query, retrieve
from studies.access import Viewer, is_deidentified, may_grant, may_report, may_see, may_share
from studies.dicom.attributes import is_uid
from studies.errors import GoneError, NotFoundError
from studies.filters import COMMON_MODALITIES, PATIENT_FIELDS, StudyFilter
from studies.first_image import find_first_image
from studies.hanging import MAX_OTHER_STUDIES, first_series_uid
from studies.models import Instance, Study
from studies.noting import note_search
from studies.portal import searches
from studies.reports import notifications, reading

PAGE_SIZES = (25, 50, 100)
COLUMNS = (
    ("Date", "date"), ("Reading", None), ("Patient", "name"), ("MRN", "mrn"),
    ("Accession", "accession"), ("Modality", None), ("Description", "description"),
    ("Referring", None), ("Site", None), ("Series", None), ("Images", None),
)  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
def study_list(request: HttpRequest) -> HttpResponse:
    if request.method == "POST" or any(name in request.GET for name in PATIENT_FIELDS):
        said = request.POST if request.method == "POST" else request.GET
        return redirect(f"{request.path}?{searches.remember(request, said)}")
    data = searches.recall(request)
    if data is None:
        messages.warning(request, "That search was of another session. Please search again.")
        return redirect(request.path)
    filters = StudyFilter(data, queryset=query.studies(request.user))
    context = {
        "filters": filters,
        "form": filters.form,
        "modalities": _modalities(filters.form),
        "page_sizes": PAGE_SIZES,
        "kept_fields": (
            "q",
            "sort",
            "study_description",
            "modality",
            "date_from",
            "date_to",
            "reading_status",
        ),
    }
    if filters.is_valid():
        note_search(request.user, "studies searched", filters.form.cleaned_data)
        context |= _page(request.user, data, filters.qs)
        if not context["page"].studies and {"after", "before"} & set(data):
            return redirect(request.path + _address(data))  # what lay there is gone: from the start
    context["filtered"] = bool(set(data) & set(filters.filters))
    context["may_see_studies"] = may_see(request.user)
    return render(request, "studies/study_list.html", context)


def _modalities(form: Form) -> dict[str, Any]:
    """The choices at hand, the others, and whether one of those is made."""
    choices = list(form["modality"].subwidgets)
    others = choices[len(COMMON_MODALITIES) :]
    return {
        "common": choices[: len(COMMON_MODALITIES)],
        "others": others,
        "other_is_chosen": any(choice.data["selected"] for choice in others),
    }


def _page(viewer: Viewer, data: QueryDict, studies: Any) -> dict[str, Any]:
    """What the table and its pager show."""
    sort = data.get("sort", "")
    if sort.lstrip("-") not in query.SORT_COLUMNS:
        sort = query.DEFAULT_SORT
    size = _number(data, "size")
    size = size if size in PAGE_SIZES else PAGE_SIZES[0]
    cursor = query.Cursor(
        after=_number(data, "after"), before=_number(data, "before"), from_end="end" in data
    )
    page = query.page_of(viewer, studies, sort=sort, size=size, cursor=cursor)
    total = query.count(studies)
    return {
        "page": page,
        "size": size,
        "total": min(total, query.COUNT_LIMIT),
        "more_than_total": total > query.COUNT_LIMIT,
        "headers": [_header(data, label, name, sort) for label, name in COLUMNS],
        "links": _links(data, page),
    }


def _number(data: QueryDict, name: str) -> int | None:
    text = data.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None  # noqa: PLR2004 - bigint


@dataclass(frozen=True, slots=True)
class Header:
    """A column's head; `address` sorts by it, empty where it cannot be sorted by."""

    label: str
    address: str
    aria_sort: str


def _header(data: QueryDict, label: str, name: str | None, sort: str) -> Header:
    if name is None:
        return Header(label, "", "")
    directions = {name: "ascending", f"-{name}": "descending"}
    newest_first = name == "date"
    following = f"-{name}" if sort == name or (newest_first and sort != f"-{name}") else name
    return Header(label, _address(data, sort=following), directions.get(sort, "none"))


def _links(data: QueryDict, page: query.Page) -> dict[str, str]:
    links = {}
    if page.has_previous and page.studies:
        links["first"] = _address(data)
        links["previous"] = _address(data, before=page.studies[0].pk)
    if page.has_next and page.studies:
        links["next"] = _address(data, after=page.studies[-1].pk)
        links["last"] = _address(data, end=1)
    return links


def _address(data: QueryDict, **changes: object) -> str:
    """The same search at another place or in another order, without patient data."""
    address = data.copy()
    for name in (*PATIENT_FIELDS, "after", "before", "end"):
        address.pop(name, None)
    for name, value in changes.items():
        address[name] = str(value)
    return f"?{address.urlencode()}"


@require_safe
def study_detail(request: HttpRequest, study: str) -> HttpResponse:
    found = _find_study(request, study)
    _note(Action.VIEW, "study opened", study)
    others = list(query.other_studies_of_patient(request.user, found)[: MAX_OTHER_STUDIES + 1])
    context = {
        "study": found,
        "series": found.series.order_by("series_number", "id"),
        "other_studies": others[:MAX_OTHER_STUDIES],
        "has_more_studies": len(others) > MAX_OTHER_STUDIES,
        "report": reading.report_of(request.user, found),
        "may_report": may_report(request.user),
        "may_let_others_see": may_grant(request.user) or may_share(request.user),
        "follows": notifications.follows(request.user, found),
    }
    return render(request, "studies/study_detail.html", context)


@require_safe
def viewer(request: HttpRequest, study: str) -> HttpResponse:
    found = _find_study(request, study)
    _note(Action.VIEW, "viewer opened", study)
    asked = request.GET.get("series", "")
    series = asked if is_uid(asked) else first_series_uid(request.user, found)
    context = {"study": found, "first": find_first_image(request.user, found, series)}
    if is_deidentified(request.user):
        context |= {"study": found.without_identity(), "year": found.study_date}
    return render(request, "studies/viewer.html", context)


@require_safe
def document(request: HttpRequest, study: str, series: str, instance: str) -> HttpResponse:
    """A report to be read, or the header of whatever else it is."""
    found = _find_instance(request, study, series, instance)
    _note(Action.VIEW, "document opened", study, instance)
    base_url = request.build_absolute_uri("/dicom-web")
    context = documents.readable(request.user, found, base_url=base_url)
    return render(request, "studies/document.html", {"instance": found, **context})


@require_safe
def encapsulated_file(
    request: HttpRequest, study: str, series: str, instance: str
) -> StreamingHttpResponse:
    """The file of another format that an instance holds: to be saved, never shown from here."""
    found = _find_instance(request, study, series, instance)
    try:
        file = documents.encapsulated_file(found)
    except NotFoundError as error:
        raise Http404 from error
    _note(Action.EXPORT, "document downloaded", study, instance)
    body = iter(()) if request.method == "HEAD" else iter(file)
    response = StreamingHttpResponse(body, content_type="application/octet-stream")
    response.headers["Content-Length"] = str(file.size)
    response.headers["Content-Disposition"] = f'attachment; filename="{instance}.bin"'
    return response


def _note(action: Action, what: str, study: str, *objects: str) -> None:
    note(Act(action=action, what=what, study_uids=[study], object_uids=objects))


def _find_study(request: HttpRequest, uid: str) -> Study:
    try:
        return retrieve.find_study(request.user, uid)
    except (NotFoundError, GoneError) as error:
        raise Http404 from error


def _find_instance(request: HttpRequest, study: str, series: str, instance: str) -> Instance:
    try:
        return retrieve.find_instance(request.user, study, series, instance)
    except (NotFoundError, GoneError) as error:
        raise Http404 from error
