"""Who may see which study: the one place that every way of asking and of reading goes through.

Who has the permission `view_every_study` sees all of them, and that costs no query. Whoever else
may view studies sees those of the sites in their scopes and in those of their groups, those granted
to them, and, in an emergency, all of the patient whom they have opened. Whoever has come by a link
sees the one study of it.
"""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db import connection, models
from django.db.models import Exists, OuterRef, Q

from studies.dicom.deidentify import SOP_CLASSES
from studies.matching import Sql
from studies.models import (
    Addendum,
    DeletedInstance,
    Instance,
    Notification,
    Patient,
    Report,
    Series,
    ShareLink,
    Study,
)

M = TypeVar("M", bound=models.Model)
Viewer = AbstractUser | AnonymousUser


class SharedVisitor(AnonymousUser):
    """Whoever has opened a link: nobody that the portal knows, without any permission.

    Made anew for each request from the link as it is then, so that a link that is revoked is
    worthless at once.
    """

    is_active: Any = True
    token = None  # as of whoever is in a session

    def __init__(self, link: ShareLink) -> None:
        super().__init__()
        self.link = link

    @property
    def is_authenticated(self) -> Any:
        return True

    @property
    def is_anonymous(self) -> Any:
        return False

    @property
    def display_name(self) -> str:
        return f"Share link {self.link.pk}, for {self.link.recipient}"

    def has_perm(self, perm: str, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        return False


@dataclass(frozen=True, slots=True)
class Scope:
    """Keys of what a person may see of the archive: the studies of any of these."""

    sites: list[int] = field(default_factory=list)
    studies: list[int] = field(default_factory=list)
    patients: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.sites or self.studies or self.patients)


# What holds for somebody at this moment, in one query. Its arrays are short, but for those of
# people who are granted studies all day.
_SCOPE = """
    SELECT
        ARRAY(
            SELECT DISTINCT site.id FROM studies_studyscope scope
            JOIN studies_site site
                ON upper(site.institution_name) = upper(scope.institution_name)
                AND upper(scope.institutional_department_name)
                    IN ('', upper(site.institutional_department_name))
            WHERE scope.user_id = %(user)s OR scope.group_id IN (
                SELECT group_id FROM accounts_user_groups WHERE user_id = %(user)s
            )
        ),
        ARRAY(
            SELECT DISTINCT study_id FROM studies_studygrant
            WHERE user_id = %(user)s AND revoked_at IS NULL
                AND (expires_at IS NULL OR expires_at > now())
        ),
        ARRAY(
            SELECT DISTINCT patient_record_id FROM studies_emergencyaccess
            WHERE user_id = %(user)s AND revoked_at IS NULL AND expires_at > now()
        )
"""


def may_see(viewer: Viewer) -> bool:
    """Whether this person may know of any study."""
    if isinstance(viewer, SharedVisitor):
        return True
    return viewer.is_active and viewer.has_perm("studies.view_study")


def sees_every_study(viewer: Viewer) -> bool:
    """Whether this person may know of all of them."""
    return may_see(viewer) and viewer.has_perm("studies.view_every_study")


def scope_of(viewer: Viewer) -> Scope:
    """What a person may see who does not see every study; read once for each request."""
    if isinstance(viewer, SharedVisitor):
        return Scope(studies=[viewer.link.study_id])
    if not may_see(viewer):
        return Scope()
    if not hasattr(viewer, "_study_scope"):
        with connection.cursor() as cursor:
            cursor.execute(_SCOPE, {"user": viewer.pk})
            viewer._study_scope = Scope(*cursor.fetchone())  # type: ignore[union-attr]  # noqa: SLF001
    return viewer._study_scope  # type: ignore[union-attr, no-any-return]  # noqa: SLF001


# From the rows of a model to their study.
_TO_STUDY: dict[type[models.Model], str] = {
    Study: "",
    Series: "study__",
    Instance: "series__study__",
    Report: "study__",
    Addendum: "report__study__",
    Notification: "study__",
}


def visible_to(viewer: Viewer, queryset: "models.QuerySet[M, Any]") -> "models.QuerySet[M, Any]":
    """The part of studies, of what belongs to them or of tombstones that this person may know of.

    Of rows that belong to no study only who sees every study knows.
    """
    if sees_every_study(viewer):
        return queryset
    scope, model = scope_of(viewer), queryset.model
    if not scope:
        return queryset.none()
    if is_deidentified(viewer):
        queryset = _shown_without_identity(queryset)
    if model in _TO_STUDY:
        return queryset.filter(_within(scope, _TO_STUDY[model]))
    if model is Patient:
        seen = Study.objects.filter(_within(scope), patient_record=OuterRef("pk"))
        return queryset.filter(Exists(seen))
    if model is DeletedInstance:
        return queryset.filter(_was_within(scope))
    return queryset.none()


def _within(scope: Scope, path: str = "") -> Q:
    within = Q()
    for keys, column in (
        (scope.sites, "site"), (scope.studies, "pk"), (scope.patients, "patient_record"),
    ):  # fmt: skip
        if keys:
            within |= Q(**{f"{path}{column}__in": keys})
    return within


def _was_within(scope: Scope) -> Q:
    """Of tombstones: the study is gone, but its row is kept with the deletion."""
    row = "deletion__parents__study"
    within = Q(**{f"{row}__site_id__in": scope.sites})
    within |= Q(**{f"{row}__id__in": scope.studies})
    return within | Q(**{f"{row}__patient_record_id__in": scope.patients})


def condition(viewer: Viewer) -> Sql:
    """The same for statements that name the row of the study `study`; true has no text."""
    if sees_every_study(viewer):
        return Sql()
    scope = scope_of(viewer)
    parts = [
        (f"{column} = ANY(%s)", keys)
        for column, keys in (
            ("study.site_id", scope.sites),
            ("study.id", scope.studies),
            ("study.patient_record_id", scope.patients),
        )
        if keys
    ]
    if not parts:
        return Sql("FALSE")
    return Sql(f"({' OR '.join(text for text, _ in parts)})", tuple(keys for _, keys in parts))


# --- Without identity ----------------------------------------------------------------------------

# As the header of an instance is kept, in its data set or in an item of a sequence.
_BURNED_IN = '"00280301":{"vr":"CS","Value":["YES"'


def is_deidentified(viewer: Viewer) -> bool:
    """Whether nothing may tell this person whose study it is."""
    return isinstance(viewer, SharedVisitor) and viewer.link.deidentified


def without_identity() -> Q:
    """Of instances: images of a kind that can be shown without telling whose they are."""
    burned_in = Q(stored_object__header_json__contains=_BURNED_IN)
    return Q(sop_class_uid__in=SOP_CLASSES) & ~burned_in


def _shown_without_identity(queryset: "models.QuerySet[M, Any]") -> "models.QuerySet[M, Any]":
    if queryset.model is Instance:
        return queryset.filter(without_identity())
    if queryset.model is Series:
        images = Instance.objects.filter(without_identity(), series=OuterRef("pk"))
        return queryset.filter(Exists(images))
    return queryset if queryset.model is Study else queryset.none()


# --- What else one may do ------------------------------------------------------------------------


def may_store(viewer: Viewer) -> bool:
    """Whether this person or machine may put instances into the archive."""
    return viewer.is_active and viewer.has_perm("studies.add_instance")


def may_delete(viewer: Viewer) -> bool:
    """Whether this person may delete what they may see."""
    return viewer.is_active and viewer.has_perm("studies.delete_study")


def may_read_reports(viewer: Viewer) -> bool:
    """Whether this person may read the signed reports of what they may see."""
    return viewer.is_active and viewer.has_perm("studies.view_report")


def may_report(viewer: Viewer) -> bool:
    """Whether this person may write and sign reports of what they may see, and read drafts."""
    return viewer.is_active and viewer.has_perm("studies.add_report")


def may_annotate(viewer: Viewer) -> bool:
    """Whether this person may save measurements and key images of what they may see."""
    return viewer.is_active and viewer.has_perm("studies.annotate_study")


def may_grant(viewer: Viewer) -> bool:
    """Whether this person may let others see what they may see."""
    return viewer.is_active and viewer.has_perm("studies.grant_study")


def may_share(viewer: Viewer) -> bool:
    """Whether this person may make links to what they may see."""
    return viewer.is_active and viewer.has_perm("studies.share_study")


def may_break_glass(viewer: Viewer) -> bool:
    """Whether this person may open any patient in an emergency."""
    return viewer.is_active and viewer.has_perm("studies.break_glass")


def may_assign(viewer: Viewer) -> bool:
    """Whether this person may say who reads what they may see."""
    return viewer.is_active and viewer.has_perm("studies.assign_study")


def may_prioritise(viewer: Viewer) -> bool:
    """Whether this person may say how soon what they may see wants to be read."""
    return viewer.is_active and viewer.has_perm("studies.prioritise_study")


def may_tag(viewer: Viewer) -> bool:
    """Whether this person may tag what they may see."""
    return viewer.is_active and viewer.has_perm("studies.tag_study")


def may_comment(viewer: Viewer) -> bool:
    """Whether this person may comment on what they may see."""
    return viewer.is_active and viewer.has_perm("studies.comment_study")


def may_export(viewer: Viewer) -> bool:
    """Whether this person may take lists of what they may see out of the portal."""
    return viewer.is_active and viewer.has_perm("studies.export_studies")
