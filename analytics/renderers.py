"""A chart as a table for spreadsheets."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer

from studies.exporting import harmless


class ChartCsvRenderer(BaseRenderer):
    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Mapping[str, Any],
        accepted_media_type: str | None = None,  # noqa: ARG002 - the shape of renderers
        renderer_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> str:
        if "lines" not in data:  # an error
            return "\n".join(harmless(str(value)) for value in data.values()) + "\n"
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow([harmless(name) for name in (data["heading"], *_names(data))])
        values = (line["values"] for line in data["lines"])
        for label, *numbers in zip(data["labels"], *values, strict=True):
            writer.writerow([harmless(label), *numbers])
        return table.getvalue()


def _names(data: Mapping[str, Any]) -> list[str]:
    return [line["name"] for line in data["lines"]]
