"""What others may watch. Sent inside the transaction of the change that they tell of."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.dispatch import Signal

# instance: Instance, the row just made; parsed: ParsedInstance, what the object says of itself.
instance_stored = Signal()

# deletion: Deletion, with its tombstones; sent before the rows of what it deletes are gone.
instances_deleted = Signal()

# studies: their keys; sent before and after the rows of these studies, of their series or their
# signed reports are made, changed or removed.
studies_changing = Signal()
studies_changed = Signal()

# source: Source; outcome: an ingest.Outcome, or "quarantined"; number: of objects. What is stored
# is told of in the transaction that stores it.
objects_received = Signal()


@contextmanager
def changing(studies: Collection[int]) -> Iterator[None]:
    """Goes around whatever changes rows of these studies.

    The caller has locked the studies, or made them in this transaction: what a receiver reads of
    them before and after differs by this change alone.
    """
    studies_changing.send(sender=None, studies=studies)
    yield
    studies_changed.send(sender=None, studies=studies)
