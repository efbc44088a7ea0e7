import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from analytics import rollup

_SECONDS = 10


class Command(BaseCommand):
    help = (
        "Fold what was counted lately into the totals. The charts are right without it, but slower "
        "the more there is to fold: run it every minute, or with --loop."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--loop", action="store_true", help=f"Go on, every {_SECONDS} s, until SIGTERM."
        )

    def handle(self, **options: Any) -> None:
        if not options["loop"]:
            self.stdout.write(f"Folded {rollup.fold_all()} deltas.")
            return
        stopping = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stopping.set())
        while not stopping.is_set():
            rollup.fold_all()
            stopping.wait(_SECONDS)
