"""Searches by name: of one person, shared with a role, or of the portal itself."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.acts import Act, Action, note
from accounts.models import User
from studies.access import Viewer
from studies.dicom.json_model import clean
from studies.errors import InvalidQueryError, NotFoundError, NotPermittedError
from studies.filters import PATIENT_FIELDS, StudyFilter, words_of
from studies.models import ListPreference, SavedSearch
from studies.search_words import name_nobody

MAX_SEARCHES = 50
_MAX_NAME = 60
Parameters = Mapping[str, list[str]]


def searches_of(viewer: Viewer) -> QuerySet[SavedSearch]:
    """This person's own, those shared with their roles, and the portal's own."""
    roles = viewer.groups.values("pk")
    mine = Q(owner=viewer.pk) | Q(owner=None) | Q(shared_with__in=roles)
    return SavedSearch.objects.filter(mine).select_related("owner", "shared_with").order_by("pk")


def find(viewer: Viewer, pk: int) -> SavedSearch:
    """Raises NotFoundError where there is none for this person."""
    found = searches_of(viewer).filter(pk=pk).first()
    if found is None:
        raise NotFoundError("That search is not there any more, or not for you.")
    return found


@transaction.atomic
def save(viewer: User, name: str, parameters: Parameters, *, role: str = "") -> SavedSearch:
    """Keep a search; one of the same name is replaced.

    Args:
        viewer: Whose it is.
        name: How they call it.
        parameters: Of the study list's form; what this form does not have is left out.
        role: Name of one of their roles, with whose other people it is shared.

    Raises:
        InvalidQueryError: If it has no name, asks for nothing, or there are too many.
        NotPermittedError: If it is shared and names a patient, or the role is not theirs.
    """
    name = " ".join(clean(name).split())
    if not 0 < len(name) <= _MAX_NAME:
        raise InvalidQueryError(f"A search has a name of 1 to {_MAX_NAME} characters.")
    kept = _kept(parameters)
    if not kept:
        raise InvalidQueryError("This search asks for nothing.")
    group = viewer.groups.filter(name=role).first() if role else None
    if role and group is None:
        raise NotPermittedError("A search is shared with a role that you have.")
    if group and not _names_nobody(kept):
        raise NotPermittedError(
            "A shared search names no patient: take away MRN, accession number, name, and words of"
            " the search box that may be one."
        )
    _require_room(viewer, name)
    search, _ = SavedSearch.objects.update_or_create(
        owner=viewer, name=name, defaults={"parameters": kept, "shared_with": group}
    )
    if group:
        _note(viewer, "search shared", {"role": group.name})
    return search


@transaction.atomic
def delete(viewer: User, pk: int) -> None:
    """Raises NotFoundError unless it is this person's own."""
    search = SavedSearch.objects.filter(owner=viewer, pk=pk).first()
    if search is None:
        raise NotFoundError("That search is not yours, or not there any more.")
    if search.shared_with:
        _note(viewer, "shared search deleted", {"role": search.shared_with.name})
    search.delete()


def make_default(viewer: User, pk: int | None) -> None:
    """The list begins with this search from now on, or with all studies; raises as `find`."""
    search = find(viewer, pk) if pk else None
    ListPreference.objects.update_or_create(user=viewer, defaults={"default_search": search})


def _kept(parameters: Parameters) -> dict[str, list[str]]:
    known = {*StudyFilter.base_filters, "sort"}
    values = {name: [v for v in said if v] for name, said in parameters.items() if name in known}
    return {name: said for name, said in values.items() if said}


def _names_nobody(parameters: Parameters) -> bool:
    named = {name for name in PATIENT_FIELDS if parameters.get(name)}
    if named - {"text"} or parameters.get("study_description"):
        return False
    return all(name_nobody(words_of(text)) for text in parameters.get("text", []))


def _require_room(viewer: User, name: str) -> None:
    others = SavedSearch.objects.filter(owner=viewer).exclude(name=name)
    if others.count() >= MAX_SEARCHES:
        raise InvalidQueryError(f"You have {MAX_SEARCHES} searches already: delete one first.")


def _note(viewer: Viewer, what: str, detail: dict[str, Any]) -> None:
    note(Act(action=Action.SHARE, what=what, actor=viewer, detail=detail, is_change=True))
