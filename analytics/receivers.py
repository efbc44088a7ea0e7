"""What the archive tells of, counted in the sender's transaction."""

from collections.abc import Collection
from typing import Any

from django.dispatch import receiver

from analytics import rollup
from studies import signals


@receiver(signals.studies_changing)
def take_away(studies: Collection[int], **_: Any) -> None:
    rollup.take_away(studies)


@receiver(signals.studies_changed)
def add(studies: Collection[int], **_: Any) -> None:
    rollup.add(studies)


@receiver(signals.objects_received)
def add_event(source: str, outcome: str, number: int, **_: Any) -> None:
    rollup.add_event(f"{source} {outcome}", number)
