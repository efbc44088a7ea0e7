"""The studies of one patient in time."""

from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.acts import Act, Action, note
from studies import query
from studies.access import may_read_reports
from studies.models import Report, Study
from studies.searches import row_key

PAGE_SIZE = 50


@require_safe
def timeline(request: HttpRequest, patient: int) -> HttpResponse:
    """Named by the archive's own number: a Patient ID does not belong in an address."""
    if patient >= 2**63:
        raise Http404
    studies = query.studies(request.user).filter(patient_record=patient)
    if may_read_reports(request.user):
        signed = Report.objects.filter(signed_at__isnull=False).select_related("signed_by")
        studies = studies.prefetch_related(Prefetch("report", signed))
    cursor = query.Cursor(after=row_key(request.GET.get("after", "")))
    page = query.page_of(
        request.user, studies, sort=query.DEFAULT_SORT, size=PAGE_SIZE, cursor=cursor
    )
    if not page.studies:
        raise Http404
    first = page.studies[0]
    _note(page.studies)
    context = {
        "patient": first,
        "page": page,
        "last": page.studies[-1],
        "reads_reports": may_read_reports(request.user),
    }
    return render(request, "studies/patient.html", context)


def _note(studies: list[Study]) -> None:
    uids = [study.study_instance_uid for study in studies]
    note(Act(action=Action.VIEW, what="patient opened", study_uids=uids))
