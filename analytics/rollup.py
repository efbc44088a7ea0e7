"""Keeping the counts right.

Whoever changes studies takes away what they contributed before and adds what they contribute after,
as deltas, in the transaction of the change (`signals.changing`). Deltas are folded into totals
later, by `fold`; a reader sums both, so that an answer is right at any time.

A rebuild counts everything again into a generation of its own, study by study in the order of
their keys, while senders go on: they count into the current generation and, for a study that the
rebuild has passed, into the next one as well. For this to leave no gap, a sender holds a lock in
shared mode from its first delta to its commit, and each batch of the rebuild takes it alone: a
change is committed before the batch, which then reads it, or asks after it whether its study has
been passed. All locks end with their transaction, as a pooler in transaction mode demands.
"""

from collections.abc import Collection, Iterator

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from analytics.contributions import CONTRIBUTIONS, TURNAROUND_MINUTES
from analytics.models import ANY, Delta, Dimension, Generation, Total
from studies.models import Study

# Any number that no other advisory lock of the portal has.
_LOCK = 7_201_966
# Below deadlock_timeout: while a rebuild waits, senders behind it wait too, perhaps for each other.
_WAIT_MS = 500
_EVENTS = 0
_BATCH = 2000

_COUNT = f"""{CONTRIBUTIONS}
    INSERT INTO analytics_delta (generation, dimension, day, modality, site, key,
        studies, series, instances, size_bytes)
    SELECT g.generation, c.dimension, c.day, c.modality, c.site, c.key,
        %(sign)s * sum(c.studies), %(sign)s * sum(c.series), %(sign)s * sum(c.instances),
        %(sign)s * sum(c.size_bytes)
    FROM contribution c CROSS JOIN analytics_generation v
    CROSS JOIN LATERAL (VALUES
        (v.current), (CASE WHEN c.study <= v.counted_to THEN v.next END)
    ) g(generation)
    WHERE g.generation = COALESCE(%(only)s, g.generation)
    GROUP BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608 - of constants

# The first instance decides, and is asked once: later ones may say something else.
_NAME_DEVICES = r"""
    WITH first AS MATERIALIZED (
        SELECT e.id, i.stored_object_id FROM studies_series e
        LEFT JOIN analytics_seriesdevice d ON d.series_id = e.id
        CROSS JOIN LATERAL (
            SELECT stored_object_id FROM studies_instance WHERE series_id = e.id
            ORDER BY instance_number, id LIMIT 1
        ) i
        WHERE e.study_id = ANY(%(studies)s) AND d.id IS NULL
    ), said AS MATERIALIZED (
        SELECT o.id, o.header_json::json AS header FROM studies_storedobject o
        WHERE o.id IN (SELECT stored_object_id FROM first)
    )
    INSERT INTO analytics_seriesdevice (series_id, name)
    SELECT first.id, btrim(left(regexp_replace(concat_ws(' · ',
            NULLIF(said.header #>> '{00081010,Value,0}', ''),
            COALESCE(NULLIF(said.header #>> '{00081090,Value,0}', ''),
                NULLIF(said.header #>> '{00080070,Value,0}', ''))
        ), '[\s*]+', ' ', 'g'), 128))
    FROM first JOIN said ON said.id = first.stored_object_id
    ON CONFLICT (series_id) DO NOTHING
"""

_FOLD = """
    WITH picked AS (
        SELECT id FROM analytics_delta ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM analytics_delta d USING picked p WHERE d.id = p.id
    ), folded AS (
        INSERT INTO analytics_total AS t (generation, dimension, grain, day, modality, site, key,
            studies, series, instances, size_bytes)
        SELECT e.generation, e.dimension, e.grain, e.day, e.modality, e.site, e.key,
            sum(e.studies), sum(e.series), sum(e.instances), sum(e.size_bytes)
        FROM analytics_delta_by_grain e JOIN picked p ON p.id = e.id
        GROUP BY 1, 2, 3, 4, 5, 6, 7
        HAVING sum(e.studies) <> 0 OR sum(e.series) <> 0 OR sum(e.instances) <> 0
            OR sum(e.size_bytes) <> 0
        -- In one order, or two folders could wait for each other.
        ORDER BY 2, 3, 6, 5, 4, 7, 1
        ON CONFLICT (dimension, grain, site, modality, day, key, generation) DO UPDATE SET
            studies = t.studies + excluded.studies, series = t.series + excluded.series,
            instances = t.instances + excluded.instances,
            size_bytes = t.size_bytes + excluded.size_bytes
    )
    SELECT count(*) FROM picked
"""


class RebuildInterruptedError(Exception):
    """Another rebuild began while this one ran, and goes on in its place."""


# --- Counting ------------------------------------------------------------------------------------


def take_away(studies: Collection[int]) -> None:
    """What these studies contribute now no longer counts; before their rows change."""
    _count(studies, sign=-1)


def add(studies: Collection[int]) -> None:
    """What these studies contribute now counts; after their rows changed."""
    with connection.cursor() as cursor:
        cursor.execute(_NAME_DEVICES, {"studies": list(studies)})
    _count(studies, sign=1)


def add_event(key: str, number: int) -> None:
    """Count objects that were received today, by source and outcome."""
    Delta.objects.create(
        generation=_EVENTS, dimension=Dimension.INTAKE, day=timezone.now().date(), modality=ANY,
        site="", key=key, studies=0, series=0, instances=number, size_bytes=0,
    )  # fmt: skip


def _count(studies: Collection[int], *, sign: int, only: int | None = None) -> None:
    with connection.cursor() as cursor:
        if only is None:
            # A statement of its own: the next one must see what was committed while it waited.
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_LOCK])
        cursor.execute(
            _COUNT,
            {
                "studies": list(studies), "sign": sign, "only": only,
                "bounds": list(TURNAROUND_MINUTES),
            },
        )  # fmt: skip


# --- Folding -------------------------------------------------------------------------------------


def fold(limit: int) -> int:
    """Move up to so many deltas, of those that nobody else is folding, into the totals.

    Returns:
        How many were moved.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FOLD, [limit])
        return int(cursor.fetchone()[0])


def fold_all(limit: int = 50_000) -> int:
    """The same until none is left; one statement, and one transaction, for each `limit`."""
    folded = 0
    while number := fold(limit):
        folded += number
    return folded


# --- Counting again ------------------------------------------------------------------------------


def rebuild(batch: int = _BATCH) -> Iterator[int]:
    """Count all studies again, in transactions of `batch` studies each, and then use that.

    Yields:
        After each batch, how many studies it counted.

    Raises:
        RebuildInterruptedError: If another rebuild was begun meanwhile.
    """
    number = _begin()
    while counted := _count_batch(number, batch):
        yield counted
        fold_all()
    _remove_other_generations()


def _begin() -> int:
    with transaction.atomic():
        _wait_for_senders()
        generation, _ = Generation.objects.get_or_create(pk=1)
        number = max(generation.current or _EVENTS, generation.next or _EVENTS) + 1
        Generation.objects.update(next=number, counted_to=0)
    _remove_other_generations()
    return number


def _count_batch(number: int, batch: int) -> int:
    """Count the next studies; if there are none, what was counted becomes current."""
    with transaction.atomic():
        _wait_for_senders()
        generation = Generation.objects.get(pk=1)
        if generation.next != number:
            raise RebuildInterruptedError
        following = Study.objects.filter(pk__gt=generation.counted_to).order_by("pk")
        studies = list(following.values_list("pk", flat=True)[:batch])
        if not studies:
            Generation.objects.update(current=F("next"), next=None, counted_to=0)
            return 0
        Generation.objects.update(counted_to=studies[-1])
        with connection.cursor() as cursor:
            cursor.execute(_NAME_DEVICES, {"studies": studies})
        _count(studies, sign=1, only=number)
        return len(studies)


def _remove_other_generations() -> None:
    generation = Generation.objects.get(pk=1)
    valid = [number for number in (generation.current, generation.next) if number]
    for model in (Delta, Total):
        model._default_manager.exclude(generation__in=[_EVENTS, *valid])._raw_delete(
            using=connection.alias
        )


def _wait_for_senders() -> None:
    """From here to the end of this transaction no sender is between its first delta and commit."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {_WAIT_MS}")
        while not _is_locked(cursor):
            pass
        cursor.execute("SET LOCAL lock_timeout = DEFAULT")


def _is_locked(cursor: CursorWrapper) -> bool:
    try:
        with transaction.atomic():
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return False
        raise
    return True
