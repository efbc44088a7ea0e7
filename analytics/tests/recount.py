"""All counts by the plainest way: every row is read, and added up in Python."""

import datetime
import re
from collections import defaultdict

from analytics.models import Figure
from analytics.period import Grain
from studies.models import Series, Study

GRAINS = {
    "volume": "day week month year", "received": "day week month year", "hour": "month year",
    "device": "month year", "physician": "month year", "body-part": "month year",
    "turnaround": "month year",
}  # fmt: skip
MINUTES = [0, 15, 30, 60, 120, 240, 480, 720, 1440, 2880, 4320, 7200, 14400, 43200]


def recount() -> dict[tuple, tuple]:
    """(dimension, grain, day, modality, site, key) → studies, series, instances, bytes."""
    counts: dict[tuple, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for contribution, numbers in _contributions():
        dimension, day, modality, site, key = contribution
        for grain in GRAINS[dimension].split():
            start = Grain(grain).start(day) if day else None
            for place in (site, "*"):
                row = counts[dimension, grain, start, modality, place, key]
                row[:] = map(sum, zip(row, numbers, strict=True))
    return {key: tuple(numbers) for key, numbers in counts.items()}


def counted() -> dict[tuple, tuple]:
    """The same as readers are told it; events, which no row tells of, are left out."""
    columns = ["dimension", "grain", "day", "modality", "site", "key"]
    measures = ["studies", "series", "instances", "size_bytes"]
    counts: dict[tuple, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for row in Figure.objects.exclude(dimension="intake").values_list(*columns, *measures):
        numbers = counts[row[:6]]
        numbers[:] = map(sum, zip(numbers, row[6:], strict=True))
    return {key: tuple(numbers) for key, numbers in counts.items() if any(numbers)}


def _contributions():
    for study in Study.objects.filter(number_of_study_related_instances__gt=0):
        yield from _of_study(study)
        for series in study.series.filter(number_of_series_related_instances__gt=0):
            yield from _of_series(study, series)


def _of_study(study: Study):
    day, site = study.study_date, _line(study.institution_name)
    dated = day and study.study_time is not None
    names = (
        study.referring_physician_name,
        study.referring_physician_name_ideographic,
        study.referring_physician_name_phonetic,
    )
    keys = {
        "volume": "",
        "hour": f"{day.isoweekday()}-{study.study_time:%H}" if dated else "",
        "physician": _line(next(filter(None, names), "")),
    }
    report = getattr(study, "report", None)
    if report and report.signed_at:
        moment = dated and datetime.datetime.combine(day, study.study_time, _zone(study))
        keys["turnaround"] = _bucket(report.signed_at - moment) if dated else "unknown"
    codes = {_code(modality) for modality in study.modalities_in_study} or {""}
    for modality in ("*", *codes):
        for dimension, key in keys.items():
            yield (dimension, day, modality, site, key), (1, 0, 0, 0)


def _of_series(study: Study, series: Series):
    numbers = (0, 1, series.number_of_series_related_instances, series.size_bytes)
    site = _line(study.institution_name)
    keys = {
        "volume": (study.study_date, ""),
        "body-part": (study.study_date, _line(series.body_part_examined.upper())),
        "device": (study.study_date, series.device.name),
        "received": (series.received_at.astimezone(datetime.UTC).date(), ""),
    }
    for modality in ("*", _code(series.modality)):
        for dimension, (day, key) in keys.items():
            yield (dimension, day, modality, site, key), numbers


def _zone(study: Study) -> datetime.tzinfo:
    offset = study.timezone_offset_from_utc
    return datetime.datetime.strptime(offset, "%z").tzinfo if offset else datetime.UTC


def _bucket(passed: datetime.timedelta) -> str:
    return str(sum(passed >= datetime.timedelta(minutes=edge) for edge in MINUTES))


def _line(text: str) -> str:
    return re.sub(r"[\s*]+", " ", text)[:128].strip()


def _code(text: str) -> str:
    return text.strip() if re.fullmatch("[A-Z0-9_ ]{1,16}", text) else ""
