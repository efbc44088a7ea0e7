"""Writing reports: a draft that readers share, its signature, addenda.

Each step is one transaction under the lock of the study's row, which ingest and deletion wait for
too. The status in the study list moves with it.
"""

import uuid
from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from accounts.acts import Act, Action, note
from accounts.models import User
from studies import signals
from studies.access import Viewer, may_report, visible_to
from studies.dicom.json_model import clean
from studies.errors import EditConflictError, InvalidReportError, NotFoundError, NotPermittedError
from studies.models import Addendum, Notification, ReadingStatus, Report, Study
from studies.models.report import SECTIONS
from studies.reports.notifications import tell
from studies.retrieve import absence

Sections = Mapping[str, str]


@transaction.atomic
def save_draft(
    viewer: Viewer, study_uid: str, *, version: uuid.UUID | None, sections: Sections
) -> Report:
    """Begin the draft of a study, or go on with it.

    Args:
        viewer: Who writes.
        study_uid: Study Instance UID.
        version: Which one they changed; None for a study without a report.
        sections: Text by name; what is not named becomes empty.

    Raises:
        NotPermittedError: If this person may not write reports.
        NotFoundError: If there is no such study for them; GoneError if it was deleted.
        EditConflictError: If somebody else saved, signed or discarded it meanwhile.
    """
    study, writer = _lock(viewer, study_uid)
    report = _report_of(study, writer)
    text = _cleaned(sections)
    if _is_what_was_saved(report, writer, text):
        return report
    _require(report, version)
    _save(report, writer, text)
    _move(study, ReadingStatus.IN_PROGRESS)
    _note(writer, study, "report draft saved")
    return report


@transaction.atomic
def sign(
    viewer: Viewer, study_uid: str, *, version: uuid.UUID | None, sections: Sections
) -> Report:
    """Save and sign: from now on the report never changes.

    Raises:
        ArchiveError: As `save_draft`.
        InvalidReportError: If it has neither findings nor an impression.
    """
    study, writer = _lock(viewer, study_uid)
    report = _report_of(study, writer)
    text = _cleaned(sections)
    if report.signed_by_id == writer.pk and report.sections == text:
        return report  # the answer to the first request was lost
    if not _is_what_was_saved(report, writer, text):
        _require(report, version)
    if not (text["findings"] or text["impression"]):
        raise InvalidReportError("A report is signed with findings or an impression.")
    report.signed_by, report.signed_at = writer, timezone.now()
    with signals.changing([study.pk]):
        _save(report, writer, text)
        _move(study, ReadingStatus.REPORTED)
    tell(study, Notification.Event.SIGNED, by=writer)
    _note(writer, study, "report signed")
    return report


@transaction.atomic
def discard_draft(viewer: Viewer, study_uid: str, *, version: uuid.UUID | None) -> None:
    """Throw the draft away; the study is unread again.

    Raises:
        ArchiveError: As `save_draft`.
        NotPermittedError: If somebody else began it.
    """
    study, writer = _lock(viewer, study_uid)
    report = _report_of(study, writer)
    _require(report, version)
    if report.author_id != writer.pk:
        raise NotPermittedError("Only who began a draft may discard it.")
    if report.pk:
        report.delete()
    _move(study, ReadingStatus.UNREAD)
    _note(writer, study, "report draft discarded")


@transaction.atomic
def add_addendum(viewer: Viewer, study_uid: str, *, number: int, text: str) -> Addendum:
    """Sign an addendum to a signed report.

    Args:
        viewer: Who writes.
        study_uid: Study Instance UID.
        number: Which one it is to be, from 1: they have read the ones before.
        text: What it says.

    Raises:
        NotPermittedError: If this person may not write reports.
        NotFoundError: If there is no such study for them, or no signed report of it.
        InvalidReportError: If it says nothing.
        EditConflictError: If somebody else added one meanwhile.
    """
    study, writer = _lock(viewer, study_uid)
    report = Report.objects.filter(study=study, signed_at__isnull=False).first()
    if report is None:
        raise NotFoundError("This study has no signed report.")
    text = clean(text)
    if not text:
        raise InvalidReportError("An addendum says something.")
    last = report.addenda.select_related("signed_by").order_by("number").last()
    if last and (last.number, last.signed_by_id, last.text) == (number, writer.pk, text):
        return last  # the answer to the first request was lost
    if number != (last.number if last else 0) + 1:
        who = f"{last.signed_by.display_name} added" if last else "There is no addendum before"
        raise EditConflictError(f"{who} addendum {last.number if last else number}: read it first.")
    addendum = Addendum.objects.create(
        report=report, number=number, text=text, signed_by=writer, signed_at=timezone.now()
    )
    tell(study, Notification.Event.ADDENDUM, by=writer)
    _note(writer, study, "report addendum signed")
    return addendum


def _note(writer: User, study: Study, what: str) -> None:
    uids = [study.study_instance_uid]
    note(Act(action=Action.CHANGE, what=what, actor=writer, study_uids=uids, is_change=True))


def _lock(viewer: Viewer, study_uid: str) -> tuple[Study, User]:
    """The study's row, locked, and its reader, who may write."""
    locked = Study.objects.select_for_update(no_key=True).filter(study_instance_uid=study_uid)
    study = visible_to(viewer, locked).first()
    if study is None:
        raise absence(viewer, study_uid)
    if not may_report(viewer) or not isinstance(viewer, User):
        raise NotPermittedError("Your role does not allow you to write reports.")
    return study, viewer


def _report_of(study: Study, writer: User) -> Report:
    """The report as it is, or a new one that is not saved; nobody else writes it meanwhile."""
    found = Report.objects.select_related("saved_by").filter(study=study).first()
    return found or Report(study=study, author=writer)


def _cleaned(sections: Sections) -> dict[str, str]:
    return {name: clean(sections.get(name, "")) for name in SECTIONS}


def _is_what_was_saved(report: Report, writer: User, text: dict[str, str]) -> bool:
    """Whether this is a repetition, since the answer to the first request was lost."""
    return report.saved_by_id == writer.pk and not report.is_signed and report.sections == text


def _require(report: Report, version: uuid.UUID | None) -> None:
    """That it is still what the writer has read."""
    if report.is_signed:
        raise EditConflictError(
            f"{_name_and_time(report)} signed it; what is missing can be added."
        )
    if report.pk and report.version != version:
        raise EditConflictError(f"{_name_and_time(report)} saved another version.")
    if not report.pk and version is not None:
        raise EditConflictError("The draft was discarded.")


def _name_and_time(report: Report) -> str:
    return f"{report.saved_by.display_name} ({report.saved_at:%Y-%m-%d %H:%M} UTC)"


def _save(report: Report, writer: User, text: dict[str, str]) -> None:
    for name, value in text.items():
        setattr(report, name, value)
    report.version, report.saved_by, report.saved_at = uuid.uuid4(), writer, timezone.now()
    report.save()


def _move(study: Study, status: ReadingStatus) -> None:
    if study.reading_status != status:
        Study.objects.filter(pk=study.pk).update(reading_status=status)
