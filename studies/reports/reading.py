"""Reading reports: which of them a person may read, and what a new one may begin with."""

from django.db.models import Prefetch, Q, QuerySet

from studies.access import Viewer, may_read_reports, may_report
from studies.errors import NotFoundError
from studies.models import Addendum, Report, ReportTemplate, Study


def report_of(viewer: Viewer, study: Study) -> Report | None:
    """With its addenda; a draft only for who writes reports, None where there is none to read.

    Args:
        viewer: Who asks.
        study: One that they may see.
    """
    if not may_read_reports(viewer):
        return None
    addenda = Addendum.objects.select_related("signed_by").order_by("number")
    reports = (
        Report.objects.filter(study=study)
        .select_related("author", "saved_by", "signed_by")
        .prefetch_related(Prefetch("addenda", queryset=addenda))
    )
    if not may_report(viewer):
        reports = reports.filter(signed_at__isnull=False)
    return reports.first()


def find_report(viewer: Viewer, study: Study) -> Report:
    """Raises NotFoundError if there is none that this person may read."""
    report = report_of(viewer, study)
    if report is None:
        raise NotFoundError("There is no report of this study, or not for you.")
    return report


def templates_for(study: Study) -> QuerySet[ReportTemplate]:
    """Templates of its modalities and body parts, those that fit best first."""
    body_parts = study.series.order_by().values("body_part_examined")
    return ReportTemplate.objects.filter(
        Q(modality="") | Q(modality__in=study.modalities_in_study),
        Q(body_part_examined="") | Q(body_part_examined__in=body_parts),
    ).order_by("-body_part_examined", "-modality", "name")
