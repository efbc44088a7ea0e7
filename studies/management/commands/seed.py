import datetime
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from studies import seeding
from studies.management.progress import progress_bar
from studies.models import Study
from studies.synthetic.phantoms import CATALOGUE


class Command(BaseCommand):
    help = (
        "Write fictitious studies that open in the viewer. The same random seed gives the same "
        "studies; those already there are left alone. "
        "Example: manage.py seed --studies 500"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--studies", type=int, default=50_000, help="How many (default 50000).")
        parser.add_argument("--random-seed", type=int, default=1, help="Another gives others.")
        parser.add_argument(
            "--until", type=datetime.date.fromisoformat, default=None, metavar="YYYY-MM-DD",
            help="The last day of the ten years of studies (default yesterday).",
        )  # fmt: skip
        parser.add_argument(
            "--if-empty", action="store_true", help="Do nothing where there are studies already."
        )
        parser.add_argument("--flush", action="store_true", help="Remove all seeded data first.")
        parser.add_argument(
            "--noinput", "--no-input", action="store_false", dest="interactive", help="Ask nothing."
        )

    def handle(self, **options: Any) -> None:
        if options["studies"] < 0:
            raise CommandError("--studies cannot be negative.")
        if options["if_empty"] and Study.objects.exists():
            self.stdout.write("The archive holds studies already; nothing was seeded.")
            return
        self._confirm(options)
        if options["flush"]:
            removed = seeding.remove_seeded()
            self.stdout.write(f"Removed {removed} seeded instances.")
        if options["studies"]:
            self._seed(options)

    def _confirm(self, options: dict[str, Any]) -> None:
        """Fictitious patients beside real ones, and removing them, deserve a question."""
        if not options["interactive"] or (settings.PACS_DEMONSTRATION and not options["flush"]):
            return
        what = "remove all seeded data" if options["flush"] else "write fictitious patients"
        if input(f"This will {what} in this archive. Type yes to go on: ") != "yes":
            raise CommandError("Nothing was done.")

    def _seed(self, options: dict[str, Any]) -> None:
        started = time.monotonic()
        with progress_bar(len(CATALOGUE), "phantoms") as bar:
            phantoms = seeding.store_phantoms(bar.update)
        with progress_bar(options["studies"], "studies") as bar:
            written = seeding.seed_studies(
                options["studies"],
                random_seed=options["random_seed"],
                until=options["until"] or timezone.localdate() - datetime.timedelta(days=1),
                phantoms=phantoms,
                progress=bar.update,
            )
        seeding.give_scopes()
        seconds = time.monotonic() - started
        self.stdout.write(
            f"Wrote {written.patients} patients, {written.studies} studies, "
            f"{written.series} series and {written.instances} instances in {seconds:.1f} s."
        )
