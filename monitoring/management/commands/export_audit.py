"""The audit trail as XML, for an archive or another system."""

import datetime
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts.acts import Act, Action, note
from monitoring.audit import reading
from monitoring.audit.message import write_messages
from monitoring.models import AuditEvent


class Command(BaseCommand):
    help = (
        "Write the audit trail as audit messages of DICOM PS3.15 A.5, oldest first. "
        "Example: manage.py export_audit --since 2026-01-01 --until 2026-01-31 > january.xml"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        day = datetime.date.fromisoformat
        parser.add_argument("--since", type=day, metavar="YYYY-MM-DD", help="first day (UTC)")
        parser.add_argument("--until", type=day, metavar="YYYY-MM-DD", help="last day (UTC)")

    def handle(
        self, *, since: datetime.date | None, until: datetime.date | None, **_options: Any
    ) -> None:
        said = {"since": since, "until": until}
        detail = {name: str(day) for name, day in said.items() if day}
        note(Act(action=Action.READ_AUDIT, what="audit trail exported", detail=detail))
        events = reading.in_period(AuditEvent.objects.all(), since, until)
        for piece in write_messages(reading.in_order(events)):
            self.stdout.write(piece, ending="")
