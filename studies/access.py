"""Who may see which study: the one place that every way of asking and of reading goes through."""

from typing import Any, TypeVar

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db import models

M = TypeVar("M", bound=models.Model)
Viewer = AbstractUser | AnonymousUser


def may_see(viewer: Viewer) -> bool:
    """Whether this person may know of studies, which is of all of them."""
    return viewer.is_active and viewer.has_perm("studies.view_study")


def visible_to(viewer: Viewer, queryset: "models.QuerySet[M, Any]") -> "models.QuerySet[M, Any]":
    """The part of studies, series or instances that this person may know of."""
    return queryset if may_see(viewer) else queryset.none()


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
