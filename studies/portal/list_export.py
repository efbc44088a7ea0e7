"""The list as a file."""

from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.acts import Act, Action, note
from studies import exporting, query, worklist
from studies.access import may_export
from studies.models import Study
from studies.noting import said
from studies.portal.study_list import search_of, sort_of

_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@require_POST
def export_chosen(request: HttpRequest, form: str) -> HttpResponseBase:
    """The studies whose rows were chosen."""
    uids = list(map(str, request.POST.getlist("study")))[: worklist.MAX_STUDIES]
    if form not in _TYPES or not may_export(request.user):
        raise Http404
    chosen = query.studies(request.user).filter(study_instance_uid__in=uids)
    found = list(chosen.values_list("study_instance_uid", flat=True))
    note(Act(action=Action.EXPORT, what="list downloaded", study_uids=found, detail={"form": form}))
    return _file(request, form, chosen, query.DEFAULT_SORT)


@require_safe
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """All studies of a search, not only those of its page; told before the first leaves."""
    if form not in _TYPES or not may_export(request.user):
        raise Http404
    filters = search_of(request, request.GET)
    if filters is None or not filters.is_valid():
        return redirect("studies:list")
    if request.method == "HEAD":
        return HttpResponse(content_type=_TYPES[form])
    number = filters.qs.order_by()[: exporting.MAX_ROWS].count()
    searched = said(filters.form.cleaned_data) | {"form": form, "rows": str(number)}
    note(Act(action=Action.EXPORT, what="list downloaded", detail=searched))
    return _file(request, form, filters.qs, sort_of(filters.data))


def _file(request: HttpRequest, form: str, studies: QuerySet[Study], sort: str) -> HttpResponseBase:
    lines = exporting.rows(request.user, studies, sort=sort)
    response: HttpResponseBase
    if form == "csv":
        response = StreamingHttpResponse(exporting.as_csv(lines), content_type=_TYPES[form])
    else:
        response = FileResponse(exporting.as_xlsx(lines), content_type=_TYPES[form])
    name = f"studies-{timezone.now():%Y%m%d-%H%M%S}.{form}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
