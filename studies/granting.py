"""Letting one person see one study past their sites, and taking it back."""

import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts.acts import Act, Action, note
from accounts.models import User
from studies.access import Viewer, may_grant, may_see
from studies.dicom.json_model import clean
from studies.errors import InvalidAccessError, NotFoundError, NotPermittedError
from studies.models import Study, StudyGrant
from studies.models.grant import MAX_REASON
from studies.retrieve import find_study


def grants_of(study: Study) -> QuerySet[StudyGrant]:
    """Those that hold, the latest first."""
    people = StudyGrant.objects.select_related("user", "granted_by")
    return people.alive().filter(study=study).order_by("-pk")


@transaction.atomic
def grant(
    viewer: Viewer,
    study_uid: str,
    *,
    username: str,
    reason: str,
    lifetime: datetime.timedelta | None,
) -> StudyGrant:
    """Let a person see a study; without a lifetime, until it is revoked.

    Raises:
        NotPermittedError: If this person may not grant.
        NotFoundError, GoneError: As `find_study`.
        InvalidAccessError: If there is nobody of that name whom it would help, or no reason.
    """
    study = _study_to_grant(viewer, study_uid)
    user = User.objects.filter(username=username.strip(), is_active=True).first()
    if user is None:
        raise InvalidAccessError("There is nobody of that user name.")
    if not may_see(user):
        raise InvalidAccessError("The role of this person shows no studies, so a grant is no help.")
    given = StudyGrant.objects.create(
        study=study,
        user=user,
        granted_by_id=viewer.pk,  # type: ignore[misc]  # nobody anonymous may grant
        reason=stated(reason),
        expires_at=Now() + lifetime if lifetime else None,
    )
    _note("study granted", study, given)
    return given


@transaction.atomic
def revoke_grant(viewer: Viewer, study_uid: str, key: int) -> None:
    """Raises as `grant`, and NotFoundError if there is no such grant that holds."""
    study = _study_to_grant(viewer, study_uid)
    given = grants_of(study).filter(pk=key).select_for_update(of=("self",)).first()
    if given is None:
        raise NotFoundError("There is no such grant, or it has ended.")
    StudyGrant.objects.filter(pk=given.pk).update(revoked_at=Now())
    _note("grant of a study revoked", study, given)


def stated(reason: str) -> str:
    """A reason as it is kept. Raises InvalidAccessError if it is none, or longer than is kept."""
    reason = clean(reason)
    if not 0 < len(reason) <= MAX_REASON:
        raise InvalidAccessError(f"State a reason, in 1 to {MAX_REASON} characters.")
    return reason


def _study_to_grant(viewer: Viewer, study_uid: str) -> Study:
    study = find_study(viewer, study_uid)
    if not may_grant(viewer):
        raise NotPermittedError("Your role does not allow you to let others see a study.")
    return study


def _note(what: str, study: Study, given: StudyGrant) -> None:
    note(
        Act(
            action=Action.SECURITY,
            what=what,
            patients=[(study.patient_id, study.issuer_of_patient_id)],
            study_uids=[study.study_instance_uid],
            detail={"to": given.user.get_username(), "reason": given.reason},
            is_change=True,
        )
    )
