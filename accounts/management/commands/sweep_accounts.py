"""Remove what has ended: sessions, grants, counts of limits."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts import limits, sessions


class Command(BaseCommand):
    help = "Remove sessions, grants and counts of limits that have ended. Run it every hour."

    def handle(self, **_options: Any) -> None:
        self.stdout.write(f"{sessions.sweep()} sessions, {limits.sweep()} counts")
