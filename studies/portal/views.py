"""The pages of one study: what it holds, the viewer, a document."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.acts import Act, Action, note
from studies import documents, query, retrieve
from studies.access import is_deidentified, may_grant, may_report, may_share
from studies.dicom.attributes import is_uid
from studies.errors import GoneError, NotFoundError
from studies.first_image import find_first_image
from studies.hanging import MAX_OTHER_STUDIES, first_series_uid
from studies.models import Instance, Study
from studies.portal.worklist import card_of
from studies.reports import notifications, reading


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
        "worklist": card_of(request, found),
        "follows": notifications.follows(request.user, found),
    }
    return render(request, "studies/study_detail.html", context)


@require_safe
def viewer(request: HttpRequest, study: str) -> HttpResponse:
    found = _find_study(request, study)
    _note(Action.VIEW, "viewer opened", study)
    asked = request.GET.get("series", "")
    series = asked if is_uid(asked) else first_series_uid(request.user, found)
    context: dict[str, Any] = {
        "study": found,
        "first": find_first_image(request.user, found, series),
    }
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
