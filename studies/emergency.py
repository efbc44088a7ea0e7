"""Break-glass: in an emergency, all of one patient for a while, told to those who look after it."""

import datetime

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts.acts import Act, Action, note
from accounts.models import User
from accounts.roles import WORK_IN_ADMIN
from studies.access import Viewer, may_break_glass, scope_of, sees_every_study
from studies.errors import InvalidAccessError, NotFoundError, NotPermittedError
from studies.granting import stated
from studies.models import EmergencyAccess, Notification, Patient, Study

MIN_REASON = 10


@transaction.atomic
def open_emergency(viewer: Viewer, *, number: str, issuer: str, reason: str) -> EmergencyAccess:
    """Let this person see all of a patient for PACS_BREAK_GLASS_MINUTES, and tell of it.

    Args:
        viewer: Who answers for it.
        number: The whole Patient ID, or the accession number of one of the patient's studies.
        issuer: Of the Patient ID, where several patients have the same; else empty.
        reason: In words.

    Raises:
        NotPermittedError: If this person may not, or sees every study already.
        InvalidAccessError: If the reason says too little, or the number is of several patients.
        NotFoundError: If it is of none.
    """
    if not may_break_glass(viewer):
        raise NotPermittedError("Your role does not allow you to open patients in an emergency.")
    if sees_every_study(viewer):
        raise NotPermittedError("You see every study already: search for the patient.")
    reason = stated(reason)
    if len(reason) < MIN_REASON:
        raise InvalidAccessError(f"Say in at least {MIN_REASON} characters what the emergency is.")
    newest = _newest_study(number.strip(), issuer.strip())
    access = EmergencyAccess.objects.create(
        user_id=viewer.pk,  # type: ignore[misc]  # nobody anonymous may
        patient_record=newest.patient_record,
        reason=reason,
        expires_at=Now() + datetime.timedelta(minutes=settings.PACS_BREAK_GLASS_MINUTES),
    )
    _tell(access, newest)
    _note("emergency access opened", newest.patient_record, reason)
    return access


def _newest_study(number: str, issuer: str) -> Study:
    """Of the one patient whom the number means."""
    meant = Study.objects.filter(Q(patient_id=number) | Q(accession_number=number))
    if issuer:
        meant = meant.filter(issuer_of_patient_id=issuer)
    patients = list(meant.order_by().values_list("patient_record", flat=True).distinct()[:2])
    if not number or not patients:
        raise NotFoundError("There is no patient of that number.")
    if len(patients) > 1:
        raise InvalidAccessError("Several patients have this number: say its issuer as well.")
    studies = Study.objects.select_related("patient_record").filter(patient_record=patients[0])
    return studies.newest_first()[0]


def _tell(access: EmergencyAccess, study: Study) -> None:
    """Whoever works in the administration, by the bell; others as the settings say, by mail."""
    stewards = User.objects.filter(groups__name__in=WORK_IN_ADMIN, is_active=True).distinct()
    Notification.objects.bulk_create(
        Notification(
            recipient=user,
            study=study,
            event=Notification.Event.EMERGENCY,
            emergency_access=access,
        )
        for user in stewards
    )
    if settings.PACS_ALERT_EMAILS:
        # A server of mail that does not answer is logged, and keeps nobody from the patient.
        transaction.on_commit(lambda: _mail(access), robust=True)


def _mail(access: EmergencyAccess) -> None:
    """Without the patient: mail is read by others."""
    send_mail(
        f"Emergency access {access.pk} to a patient",
        f"{access.user.get_username()} has opened a patient in an emergency. Who, why and how "
        f"long stands in the administration of the portal, under emergency access {access.pk}.",
        None,
        settings.PACS_ALERT_EMAILS,
    )


def active_emergencies(viewer: Viewer) -> list[EmergencyAccess]:
    """Those of this person that hold, the one that ends first in front; mostly no query."""
    if sees_every_study(viewer) or not scope_of(viewer).patients:
        return []
    own = EmergencyAccess.objects.alive().filter(user_id=viewer.pk)  # type: ignore[misc]
    return list(own.select_related("patient_record").order_by("expires_at"))


@transaction.atomic
def end_emergency(viewer: Viewer, key: int) -> None:
    """End one's own emergency, with all others that one has opened for the same patient.

    Raises:
        NotFoundError: If this person has none of that key that holds.
    """
    own = EmergencyAccess.objects.alive().filter(user_id=viewer.pk)  # type: ignore[misc]
    access = own.select_related("patient_record").filter(pk=key).first()
    if access is None:
        raise NotFoundError("There is no such emergency access of yours, or it has ended.")
    own.filter(patient_record=access.patient_record).update(revoked_at=Now())
    _note("emergency access ended", access.patient_record, access.reason)


def _note(what: str, patient: Patient, reason: str) -> None:
    note(
        Act(
            action=Action.BREAK_GLASS,
            what=what,
            patients=[(patient.patient_id, patient.issuer_of_patient_id)],
            detail={"reason": reason},
            is_change=True,
        )
    )
