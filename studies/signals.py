"""What others may watch. Sent inside the transaction of the change that they tell of."""

from django.dispatch import Signal

# instance: Instance, the row just made; parsed: ParsedInstance, what the object says of itself.
instance_stored = Signal()

# deletion: Deletion, with its tombstones; sent before the rows of what it deletes are gone.
instances_deleted = Signal()
