"""Whether the audit trail is as it was written."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.acts import Act, Action, Outcome, note
from monitoring.audit import chain


class Command(BaseCommand):
    help = (
        "Check the audit trail: what was changed, removed or added behind its back is named, the "
        "first of each chain. Prints the heads of the chains; keep them where nobody who can write "
        "to the database can, and give them next time. "
        "Example: manage.py verify_audit --heads heads-of-yesterday.txt > heads-of-today.txt"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--heads", type=Path, metavar="FILE", help="heads that an earlier run has printed"
        )

    def handle(self, *, heads: Path | None, **_options: Any) -> None:
        kept = _kept(heads) if heads else []
        current = chain.read_heads()
        faults = list(chain.find_faults(current, kept))
        for fault in faults:
            self.stderr.write(str(fault))
        number = sum(head.number for head in current)
        _note(number, len(faults))
        if faults:
            raise CommandError(f"The audit trail is not as it was written: {faults[0]}.")
        for head in current:
            self.stdout.write(str(head))
        self.stdout.write(f"{number} events, as they were written.")


def _note(events: int, faults: int) -> None:
    note(
        Act(
            action=Action.READ_AUDIT,
            what="audit trail verified",
            outcome=Outcome.FAILED if faults else Outcome.SUCCESS,
            detail={"events": str(events), "faults": str(faults)},
        )
    )


def _kept(path: Path) -> list[chain.Head]:
    try:
        return chain.parse_heads(path.read_text())
    except OSError as error:
        raise CommandError(f"{path} cannot be read ({type(error).__name__}).") from error
    except ValueError as error:
        raise CommandError(f"{path} holds no heads of this command: {error}.") from error
