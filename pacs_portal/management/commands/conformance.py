"""Write the conformance statement."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from pacs_portal.conformance import CLAIMS, DOCUMENT, faults, read_sections, render


class Command(BaseCommand):
    help = f"Write docs/{DOCUMENT.name} from docs/{CLAIMS.name} and the tables of the code."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:  # noqa: ARG002  Django passes its own
        sections = read_sections(CLAIMS.read_text())
        if found := faults(sections):
            raise CommandError("\n".join(found))
        DOCUMENT.write_text(render(sections))
        self.stdout.write(f"Written: {DOCUMENT}")
