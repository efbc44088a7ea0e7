"""What has changed in a list of studies since somebody looked, whichever replica they ask.

A mark is a snapshot of the database (`pg_current_snapshot`): it says which transactions could not
be seen yet. A time or a number could not, since what begins first may be committed last.
"""

import re
from dataclasses import dataclass
from datetime import timedelta

from django.db import DataError, connection, transaction
from django.db.models import BooleanField, Func, Q, QuerySet, Value
from django.db.models.functions import Now

from studies.errors import InvalidQueryError
from studies.models import Study
from studies.models.study import TransactionField

# So many new studies are told one by one; the rest makes it "more than".
MAX_NEW = 100
MAX_ROWS = 100
# A dump that is restored elsewhere brings numbers of other transactions along: what is older than
# any page that is still open is not looked at.
_OLDEST = timedelta(days=1)
_MARK = re.compile(r"\d{1,19}:\d{1,19}:(\d{1,19}(,\d{1,19})*)?", re.ASCII)
_MAX_MARK = 4000


@dataclass(frozen=True, slots=True)
class Changes:
    """What a list has to show that it does not show yet.

    Attributes:
        mark: What to ask with the next time.
        new: Keys of matching studies that are not among the rows, the latest first, bounded.
        has_more: Whether there are more of them.
        rows: Studies among the rows that have changed.
    """

    mark: str
    new: list[int]
    has_more: bool
    rows: list[Study]


def mark() -> str:
    """The present state of the database, for `changes_since`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_snapshot()::text")
        (snapshot,) = cursor.fetchone()
    return str(snapshot)


def changes_since(
    after: str, matching: QuerySet[Study], rows: QuerySet[Study], *, only_arrivals: bool
) -> Changes:
    """What came or changed after a mark; costs what has changed since, not what matches.

    Args:
        after: A mark.
        matching: All studies of the list.
        rows: Those that somebody sees of them, at most MAX_ROWS.
        only_arrivals: Whether a change of a study that was there cannot bring it into the list.

    Raises:
        InvalidQueryError: If it is no mark.
    """
    if len(after) > _MAX_MARK or not _MARK.fullmatch(after):
        raise InvalidQueryError("That is no mark of a list. Load the list again.")
    now = mark()  # first: what is committed in between is told twice rather than never
    changed = _changed_after(after)
    new = matching.filter(changed).exclude(pk__in=rows.values("pk"))
    if only_arrivals:
        new = new.filter(_unseen("arrived_in", after))
    try:
        with transaction.atomic():  # a snapshot that cannot be ends more than the statement
            latest = new.order_by("-changed_in", "-pk").values_list("pk", flat=True)
            keys = list(latest[: MAX_NEW + 1])
            seen = list(rows.filter(changed).prefetch_related("assigned_to"))
    except DataError as error:
        raise InvalidQueryError("That is no mark of a list. Load the list again.") from error
    return Changes(now, keys[:MAX_NEW], len(keys) > MAX_NEW, seen)


def _changed_after(after: str) -> Q:
    """The first condition is answered by the index; the second knows who was still writing."""
    oldest = Value(after.partition(":")[0], output_field=TransactionField())
    lately = Q(updated_at__gt=Now() - _OLDEST)
    return Q(changed_in__gte=oldest) & Q(_unseen("changed_in", after)) & lately


def _unseen(column: str, after: str) -> Func:
    return Func(
        column, Value(after), template="NOT pg_visible_in_snapshot(%(expressions)s)",
        arg_joiner=", ", output_field=BooleanField(),
    )  # fmt: skip
