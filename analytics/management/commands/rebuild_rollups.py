from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics import rollup
from studies.management.progress import progress_bar
from studies.models import Study


class Command(BaseCommand):
    help = (
        "Count all studies again, from their rows, while the archive goes on; the charts change "
        "over at the end. Needed once where an archive was there before its analytics, and after "
        "somebody changed rows past the portal."
    )

    def handle(self, **_: Any) -> None:
        counted = 0
        try:
            with progress_bar(Study.objects.count(), "studies") as bar:
                for number in rollup.rebuild():
                    bar.update(number)
                    counted += number
        except rollup.RebuildInterruptedError as error:
            raise CommandError("Another rebuild was begun and goes on in place of this.") from error
        self.stdout.write(f"Counted {counted} studies.")
