"""Links by which somebody without an account sees one study for a while."""

import datetime
import hashlib
import secrets

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from accounts.acts import Act, Action, note
from studies.access import SharedVisitor, Viewer, may_share, without_identity
from studies.dicom.deidentify import SOP_CLASSES
from studies.dicom.json_model import clean
from studies.errors import InvalidAccessError, NotFoundError, NotPermittedError
from studies.models import Instance, ShareLink, Study
from studies.retrieve import find_study

_SECRET_BYTES = 32
_MAX_RECIPIENT = 200
_LONGEST_TOKEN = 64


def links_of(study: Study) -> QuerySet[ShareLink]:
    """Those that may still be opened, the latest first."""
    people = ShareLink.objects.select_related("created_by")
    return people.alive().filter(study=study).order_by("-pk")


@transaction.atomic
def share(
    viewer: Viewer,
    study_uid: str,
    *,
    recipient: str,
    lifetime: datetime.timedelta,
    deidentified: bool,
    max_opens: int | None = None,
) -> tuple[ShareLink, str]:
    """A new link to a study, and its secret, which is kept nowhere.

    Args:
        viewer: Who answers for it.
        study_uid: Study Instance UID.
        recipient: For whom it is, in words.
        lifetime: At most PACS_SHARE_MAX_DAYS.
        deidentified: Whether nothing is to tell whose study it is.
        max_opens: How often it may be opened; None for any number.

    Raises:
        NotPermittedError: If this person may not share.
        NotFoundError, GoneError: As `find_study`.
        InvalidAccessError: If one of these is not as it must be, or if the study cannot be shown
            without identity.
    """
    study = _study_to_share(viewer, study_uid)
    recipient = clean(recipient)
    if not 0 < len(recipient) <= _MAX_RECIPIENT:
        raise InvalidAccessError(f"Say for whom it is, in 1 to {_MAX_RECIPIENT} characters.")
    longest = datetime.timedelta(days=settings.PACS_SHARE_MAX_DAYS)
    if not datetime.timedelta() < lifetime <= longest:
        raise InvalidAccessError(f"A link lasts at most {longest.days} days.")
    if deidentified and (reason := why_not_without_identity(study)):
        raise InvalidAccessError(reason)
    token = secrets.token_urlsafe(_SECRET_BYTES)
    link = ShareLink.objects.create(
        study=study,
        digest=_digest(token),
        created_by_id=viewer.pk,  # type: ignore[misc]  # nobody anonymous may share
        recipient=recipient,
        expires_at=Now() + lifetime,
        deidentified=deidentified,
        max_opens=max_opens,
    )
    _note("share link made", link, study)
    return link, token


def why_not_without_identity(study: Study) -> str:
    """Why its images cannot be shown without telling whose they are; empty if they can."""
    images = Instance.objects.filter(series__study=study, rows__gt=0)
    others = images.exclude(sop_class_uid__in=SOP_CLASSES).order_by()
    if kinds := sorted(set(others.values_list("series__modality", flat=True).distinct()[:20])):
        return (
            f"It has images of {', '.join(kinds)} of a kind that often has text in the picture "
            "itself, which nobody can take out here."
        )
    if images.exclude(without_identity()).exists():
        return "Some of its images say that text is burned into them."
    return "" if images.exists() else "It has no images."


@transaction.atomic
def revoke_link(viewer: Viewer, study_uid: str, key: int) -> None:
    """Raises as `share`, and NotFoundError if there is no such link that holds."""
    study = _study_to_share(viewer, study_uid)
    link = links_of(study).filter(pk=key).first()
    if link is None:
        raise NotFoundError("There is no such link, or it has ended.")
    ShareLink.objects.filter(pk=link.pk).update(revoked_at=Now())
    _note("share link revoked", link, study)


def find_link(token: str) -> ShareLink:
    """The link of a secret. Raises NotFoundError if it was never made or may not be opened."""
    has_room = Q(max_opens__isnull=True) | Q(opened_count__lt=F("max_opens"))
    if len(token) <= _LONGEST_TOKEN:
        link = _alive().filter(has_room, digest=_digest(token)).first()
        if link:
            return link
    raise NotFoundError("There is no such link, or it has ended.")


@transaction.atomic
def open_link(token: str) -> ShareLink:
    """Count an opening. Raises as `find_link`."""
    link = find_link(token)
    has_room = Q(max_opens__isnull=True) | Q(opened_count__lt=F("max_opens"))
    opened = _alive().filter(has_room, pk=link.pk)  # of two at once, one may be too many
    if not opened.update(opened_count=F("opened_count") + 1, last_opened_at=Now()):
        raise NotFoundError("There is no such link, or it has ended.")
    _note("share link opened", link, link.study, actor=SharedVisitor(link))
    return link


def find_visitor(key: int) -> SharedVisitor | None:
    """Whoever has opened this link, as long as it holds."""
    link = _alive().filter(pk=key).first()
    return SharedVisitor(link) if link else None


def _alive() -> QuerySet[ShareLink]:
    """A link ends with the account of who answers for it."""
    links = ShareLink.objects.alive().filter(created_by__is_active=True)
    return links.select_related("study")


def _digest(token: str) -> str:
    """Plain SHA-256 is enough: 256 random bits cannot be guessed from it."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _study_to_share(viewer: Viewer, study_uid: str) -> Study:
    study = find_study(viewer, study_uid)
    if not may_share(viewer):
        raise NotPermittedError("Your role does not allow you to share a study.")
    return study


def _note(what: str, link: ShareLink, study: Study, actor: SharedVisitor | None = None) -> None:
    note(
        Act(
            action=Action.SHARE,
            what=what,
            actor=actor,
            patients=[(study.patient_id, study.issuer_of_patient_id)],
            study_uids=[study.study_instance_uid],
            detail={
                "link": str(link.pk),
                "recipient": link.recipient,
                "identity": "removed" if link.deidentified else "shown",
            },
            is_change=True,
        )
    )
