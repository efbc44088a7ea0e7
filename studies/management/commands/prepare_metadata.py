"""Make the metadata of lately received series beforehand, so that nobody waits for it."""

import datetime
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from studies import metadata
from studies.errors import NotFoundError


class Command(BaseCommand):
    help = (
        "Prepares the metadata of series that were received lately and have settled. Run it every "
        "few minutes, for example: manage.py prepare_metadata https://pacs.example.org/dicom-web"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("base_url", help="the DICOMweb address as clients call it")
        parser.add_argument(
            "--settled", type=int, default=60, metavar="SECONDS",
            help="since when a series must not have changed (default: 60)",
        )  # fmt: skip
        parser.add_argument(
            "--days", type=int, default=2, help="studies received within so many days (default: 2)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        now, base_url = timezone.now(), options["base_url"].rstrip("/")
        series = metadata.unprepared(
            base_url,
            received_since=now - datetime.timedelta(days=options["days"]),
            settled_before=now - datetime.timedelta(seconds=options["settled"]),
        )
        prepared = 0
        for one in series.iterator(chunk_size=200):
            with suppress(NotFoundError):  # deleted meanwhile
                prepared += len(list(metadata.retrieve_parts([one], base_url=base_url)))
        self.stdout.write(f"{prepared} series prepared")
