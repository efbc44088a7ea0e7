"""What people say of a study in the list: who reads it, how soon, tags, comments, and its status.

Each step is one transaction under the lock of the study's row. What is so already is no error and
leaves no trace, so every step can be repeated.
"""

from collections.abc import Callable, Collection
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.expressions import RawSQL

from accounts.acts import Act, Action, note
from accounts.models import User
from studies.access import (
    Viewer,
    may_assign,
    may_comment,
    may_prioritise,
    may_report,
    may_tag,
    visible_to,
)
from studies.dicom.json_model import clean
from studies.errors import (
    ArchiveError,
    EditConflictError,
    InvalidQueryError,
    NotPermittedError,
)
from studies.models import Priority, ReadingStatus, Report, Study, StudyComment, Tag
from studies.models.worklist import MAX_COMMENT
from studies.retrieve import absence

# No study has more: they are to be read at a glance.
MAX_TAGS = 20


# Whoever may report, by a role or in person. In SQL, since it is asked with every list.
_READERS = """
    WITH wanted AS (
        SELECT permission.id FROM auth_permission permission
        JOIN django_content_type kind ON kind.id = permission.content_type_id
        WHERE kind.app_label = 'studies' AND permission.codename = 'add_report'
    )
    SELECT user_id FROM accounts_user_groups
    JOIN auth_group_permissions USING (group_id) JOIN wanted ON wanted.id = permission_id
    UNION ALL
    SELECT user_id FROM accounts_user_user_permissions JOIN wanted ON wanted.id = permission_id
"""


def readers() -> QuerySet[User]:
    """Those to whom studies may be assigned, in the order of their names."""
    people = User.objects.filter(is_active=True, pk__in=RawSQL(_READERS, ()))  # noqa: S611 - no values
    return people.order_by("last_name", "first_name", "username")


@transaction.atomic
def assign(
    viewer: Viewer, study_uid: str, reader: User | None, *, may_replace: bool = False
) -> Study:
    """Say who reads a study; None takes it away from whoever does.

    Args:
        viewer: Who says it.
        study_uid: Study Instance UID.
        reader: One of `readers`.
        may_replace: Whether another reader, whom the viewer knows of, is to lose it.

    Raises:
        NotPermittedError: If this person may not assign.
        NotFoundError: If there is no such study for them; GoneError if it was deleted.
        InvalidQueryError: If the reader may not report.
        EditConflictError: If another reader has it.
    """
    study = _lock(viewer, study_uid, may_assign(viewer), "assign studies")
    if reader is not None and not readers().filter(pk=reader.pk).exists():
        raise InvalidQueryError("Studies are assigned to people who may report.")
    if study.assigned_to_id == (reader and reader.pk):
        return study
    if study.assigned_to and study.assigned_to_id != viewer.pk and not may_replace:
        raise EditConflictError(f"{study.assigned_to.display_name} has taken it.")
    to = reader.get_username() if reader else ""
    return _change(study, "study assigned", {"reader": to}, assigned_to=reader)


@transaction.atomic
def prioritise(viewer: Viewer, study_uid: str, priority: str) -> Study:
    """Say how soon a study wants to be read; raises as `assign`."""
    study = _lock(viewer, study_uid, may_prioritise(viewer), "set priorities")
    if priority not in Priority.values:
        raise InvalidQueryError(f"A priority is one of {', '.join(Priority.values)}.")
    if study.priority == priority:
        return study
    return _change(study, "priority set", {"priority": priority}, priority=priority)


@transaction.atomic
def tag(
    viewer: Viewer, study_uid: str, *, add: Collection[int] = (), remove: Collection[int] = ()
) -> Study:
    """Tag a study, or take tags away; raises as `assign`.

    Args:
        viewer: Who tags.
        study_uid: Study Instance UID.
        add: Keys of tags in use.
        remove: Keys of tags.

    Raises:
        InvalidQueryError: If there is no such tag, or the study had more than MAX_TAGS.
    """
    study = _lock(viewer, study_uid, may_tag(viewer), "tag studies")
    if Tag.objects.filter(pk__in=add, is_retired=False).count() != len(set(add)):
        raise InvalidQueryError("There is no such tag.")
    tags = sorted({*study.tags, *add} - set(remove))
    if tags == study.tags:
        return study
    if len(tags) > MAX_TAGS:
        raise InvalidQueryError(f"A study has at most {MAX_TAGS} tags.")
    keys = {"tags": " ".join(map(str, tags))}
    return _change(study, "study tagged", keys, tags=tags)


@transaction.atomic
def comment(viewer: Viewer, study_uid: str, text: str) -> StudyComment:
    """Remark something on a study, for all who may see it; raises as `assign`.

    Raises:
        InvalidQueryError: If it says nothing, or too much.
    """
    study = _lock(viewer, study_uid, may_comment(viewer), "comment on studies")
    text = clean(text)
    if not 0 < len(text) <= MAX_COMMENT:
        raise InvalidQueryError(f"A comment has 1 to {MAX_COMMENT} characters.")
    made = StudyComment.objects.create(study=study, author_id=viewer.pk, text=text)  # type: ignore[misc]  # nobody anonymous may
    _change(study, "study commented", {}, number_of_comments=F("number_of_comments") + 1)
    return made


@transaction.atomic
def mark(viewer: Viewer, study_uid: str, status: str) -> Study:
    """Set the reading status of a study that is not reported here; raises as `assign`.

    Raises:
        InvalidQueryError: If there is no such status.
        EditConflictError: If there is a report, which moves the status itself.
    """
    study = _lock(viewer, study_uid, may_report(viewer), "mark studies as read")
    if status not in ReadingStatus.values:
        raise InvalidQueryError(f"A reading status is one of {', '.join(ReadingStatus.values)}.")
    if study.reading_status == status:
        return study
    if Report.objects.filter(study=study).exists():
        raise EditConflictError("It has a report or a draft, which decides its status.")
    return _change(study, "reading status set", {"status": status}, reading_status=status)


def _lock(viewer: Viewer, study_uid: str, is_allowed: bool, what: str) -> Study:  # noqa: FBT001 - private
    """The study's row, locked for somebody who may do `what`."""
    locked = Study.objects.select_for_update(no_key=True).filter(study_instance_uid=study_uid)
    study: Study | None = visible_to(viewer, locked).first()
    if study is None:
        raise absence(viewer, study_uid)
    if not is_allowed:
        raise NotPermittedError(f"Your role does not allow you to {what}.")
    return study


def _change(study: Study, what: str, detail: dict[str, str], **values: Any) -> Study:
    Study.objects.filter(pk=study.pk).update(**values)
    for name, value in values.items():
        setattr(study, name, value)
    note(
        Act(
            action=Action.CHANGE,
            what=what,
            patients=[(study.patient_id, study.issuer_of_patient_id)],
            study_uids=[study.study_instance_uid],
            detail=detail,
            is_change=True,
        )
    )
    return study


# --- Several at once -----------------------------------------------------------------------------

MAX_STUDIES = 500


def each(study_uids: Collection[str], do: Callable[[str], object]) -> dict[str, str]:
    """Do the same to several studies, each in a transaction of its own.

    Args:
        study_uids: At most MAX_STUDIES; what is named twice is done once.
        do: What to do with one.

    Returns:
        For each UID why it was not done, empty where it was.

    Raises:
        InvalidQueryError: If there are none, or too many.
    """
    wanted = dict.fromkeys(study_uids)
    if not 0 < len(wanted) <= MAX_STUDIES:
        raise InvalidQueryError(f"Choose 1 to {MAX_STUDIES} studies.")
    return {uid: _refusal(do, uid) for uid in wanted}


def _refusal(do: Callable[[str], object], uid: str) -> str:
    try:
        do(uid)
    except ArchiveError as error:
        return str(error)
    return ""
