import json
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from studies.errors import InvalidInstanceError, StorageError
from studies.importing import Candidate, candidates
from studies.ingest import Outcome, Provenance, store_instance
from studies.management.progress import progress_bar
from studies.models import Source

REJECTED = "rejected"
LABELS = {
    Outcome.STORED: "accepted",
    Outcome.ALREADY_STORED: "already there",
    Outcome.CONFLICT: "conflicting",
}


class Command(BaseCommand):
    help = (
        "Take in DICOM files, folders and ZIP archives. What is refused goes to quarantine "
        "with its reason. Example: manage.py import_dicom /media/cd study.zip"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--json", action="store_true", help="Summary as JSON.")

    def handle(self, **options: Any) -> None:
        totals: Counter[str] = Counter(dict.fromkeys([*LABELS.values(), REJECTED], 0))
        try:
            self._take_in_all(options["paths"], totals)
        except FileNotFoundError as error:
            raise CommandError(f"There is no file or folder at {error}.") from error
        except OSError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            # Its text may quote values; its class says enough.
            raise CommandError(f"The database failed ({type(error).__name__}).") from None
        finally:
            self._summarise(totals, as_json=options["json"])

    def _summarise(self, totals: Counter[str], *, as_json: bool) -> None:
        """What was taken in, also where the run ends early."""
        words = ", ".join(f"{number} {label}" for label, number in totals.items())
        self.stdout.write(json.dumps(totals) if as_json else words)

    def _take_in_all(self, paths: list[Path], totals: Counter[str]) -> None:
        number = sum(1 for _ in candidates(paths))  # also finds a wrong path before any is read
        with progress_bar(number, "files") as bar:
            for candidate in candidates(paths):
                totals[self._take_in(candidate)] += 1
                bar.update(1)

    def _take_in(self, candidate: Candidate) -> str:
        """Store one file; what is not simply accepted is told in a line."""
        provenance = Provenance(Source.IMPORT, candidate.label)
        try:
            with candidate.open() as stream:
                result = store_instance(stream, provenance=provenance)
        except (InvalidInstanceError, OSError) as error:
            reason = str(error) if isinstance(error, InvalidInstanceError) else type(error).__name__
            self.stderr.write(f"{REJECTED}: {candidate.label}: {reason}")
            return REJECTED
        except StorageError as error:
            raise CommandError(
                f"{error}; {candidate.label} and what follows was not read"
            ) from error
        if result.outcome is Outcome.CONFLICT:
            self.stderr.write(f"conflicting: {candidate.label}: {result.detail}")
        return LABELS[result.outcome]
