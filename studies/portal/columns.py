"""The columns of the study list, and how each person wants them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AbstractUser, AnonymousUser

from studies.models import ListPreference
from studies.models.worklist import Density

PAGE_SIZES = (25, 50, 100)


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `sort` is its key of `query.SORT_COLUMNS`, empty where it has none."""

    name: str
    label: str
    sort: str = ""
    is_usual: bool = True


_ALL = [
    Column("date", "Date", "date"),
    Column("reading", "Reading"),
    Column("priority", "Priority"),
    Column("patient", "Patient", "name"),
    Column("mrn", "MRN", "mrn"),
    Column("accession", "Accession", "accession"),
    Column("modality", "Modality"),
    Column("description", "Description", "description"),
    Column("reader", "Reader"),
    Column("tags", "Tags"),
    Column("referring", "Referring"),
    Column("site", "Site"),
    Column("images", "Images"),
    Column("series", "Series", is_usual=False),
    Column("comments", "Comments", is_usual=False),
    Column("received", "Received", is_usual=False),
]
COLUMNS = {column.name: column for column in _ALL}
USUAL = [column.name for column in _ALL if column.is_usual]
# The way to the study: a list without it could not be used.
PATIENT = "patient"


def preference_of(user: AbstractUser | AnonymousUser) -> ListPreference:
    """As it is kept, or the usual one, not saved."""
    kept = ListPreference.objects.filter(user=user.pk).first()
    return kept or ListPreference(user_id=user.pk)  # type: ignore[misc]  # nobody anonymous comes here


def shown(preference: ListPreference) -> list[Column]:
    """In their order; those that this version of the portal knows, the usual ones if none."""
    kept = [COLUMNS[name] for name in preference.columns if name in COLUMNS]
    return kept or [COLUMNS[name] for name in USUAL]


def hidden(preference: ListPreference) -> list[Column]:
    columns = shown(preference)
    return [column for column in _ALL if column not in columns]


def keep(
    user: AbstractUser | AnonymousUser, *, columns: Sequence[str], page_size: str, density: str
) -> None:
    """Keep a person's wish; what it does not know it leaves out."""
    names = [name for name in dict.fromkeys(columns) if name in COLUMNS]
    if PATIENT not in names:
        names.insert(0, PATIENT)
    ListPreference.objects.update_or_create(
        user_id=user.pk,  # type: ignore[misc]  # nobody anonymous comes here
        defaults={
            "columns": names,
            "page_size": int(page_size) if page_size in map(str, PAGE_SIZES) else None,
            "density": density if density in Density.values else Density.COMFORTABLE,
        },
    )


def moved(columns: Sequence[str], name: str, step: int) -> list[str]:
    """The same columns, one of them a place further to the left (-1) or to the right (1)."""
    order = list(columns)
    if name in order:
        place = order.index(name)
        order.insert(max(0, place + step), order.pop(place))
    return order
