"""What may be asked of a chart, and the shape of the answer."""

import datetime
from typing import Any

from rest_framework import serializers

from analytics.contributions import FIRST_YEAR, LAST_YEAR
from analytics.figures import MAX_SPANS, Selection, today
from analytics.models import ANY
from analytics.period import ONE_DAY, Grain, Period

NOT_STATED = "-"  # as the value of a filter: what the images leave unsaid
# Days that each choice goes back.
PERIODS = {"month": 30, "year": 365, "five-years": 5 * 365, "all": None}
# From how many days on each is the grain of a chart, unless another is asked for.
_GRAINS = {Grain.YEAR: 2200, Grain.MONTH: 190, Grain.WEEK: 62, Grain.DAY: 0}
_SHORTEST_DAYS = {Grain.DAY: 1, Grain.WEEK: 7, Grain.MONTH: 28, Grain.YEAR: 365}


class SelectionSerializer(serializers.Serializer):
    """The filters, as they stand in the address; each may be empty."""

    period = serializers.ChoiceField(
        choices=[*PERIODS], required=False, allow_blank=True,
        help_text="Back from today; not used where a date is given. Default: year.",
    )  # fmt: skip
    date_from = serializers.DateField(required=False, allow_null=True)
    date_to = serializers.DateField(required=False, allow_null=True)
    granularity = serializers.ChoiceField(
        choices=[*Grain], required=False, allow_blank=True, help_text="Default: as fits the period."
    )
    modality = serializers.RegexField(
        "^([A-Z0-9_ ]{1,16}|-)$", required=False, allow_blank=True,
        help_text="As CT; - for studies without one.",
    )  # fmt: skip
    site = serializers.CharField(
        max_length=128, required=False, allow_blank=True,
        help_text="Institution Name; - for studies without one.",
    )  # fmt: skip

    def to_internal_value(self, data: Any) -> Any:
        # An empty date of a form.
        return super().to_internal_value({key: value for key, value in data.items() if value})

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("date_from", "date_to"):
            if name in attrs and not FIRST_YEAR <= attrs[name].year <= LAST_YEAR:
                raise serializers.ValidationError(
                    {name: [f"Choose a date from {FIRST_YEAR} to {LAST_YEAR}."]}
                )
        period = _period(attrs)
        if period.first and period.end and period.first >= period.end:
            raise serializers.ValidationError({"date_to": ["Choose a day not before the first."]})
        days = (period.end - period.first).days if period.first and period.end else None
        grain = Grain(attrs["granularity"]) if attrs.get("granularity") else _fitting(days)
        _refuse_too_many_spans(days, grain)
        return {
            "selection": Selection(
                period, grain, _value(attrs.get("modality")), _value(attrs.get("site"))
            )
        }


def _period(attrs: dict[str, Any]) -> Period:
    """A modality east of us may live in tomorrow already."""
    first, last = attrs.get("date_from"), attrs.get("date_to")
    if first or last:
        return Period(
            first or datetime.date(FIRST_YEAR, 1, 1), (last or today() + ONE_DAY) + ONE_DAY
        )
    back = PERIODS[attrs.get("period") or "year"]
    return Period() if back is None else Period(today() - back * ONE_DAY, today() + 2 * ONE_DAY)


def _fitting(days: int | None) -> Grain:
    if days is None:
        return Grain.YEAR
    return next(grain for grain, least in _GRAINS.items() if days >= least)


def _refuse_too_many_spans(days: int | None, grain: Grain) -> None:
    is_open = days is None and grain in (Grain.DAY, Grain.WEEK)
    if is_open or (days or 0) / _SHORTEST_DAYS[grain] > MAX_SPANS:
        raise serializers.ValidationError(
            {
                "granularity": [
                    f"Choose a shorter period or longer steps: more than {MAX_SPANS} cannot be "
                    "shown."
                ]
            }
        )


def _value(text: str | None) -> str:
    if not text:
        return ANY
    return "" if text == NOT_STATED else text


class LineSerializer(serializers.Serializer):
    name = serializers.CharField()
    unit = serializers.ChoiceField(choices=["studies", "series", "instances", "bytes", "objects"])
    values = serializers.ListField(child=serializers.IntegerField())
    modality = serializers.CharField(help_text="Limits the list of studies behind a value.")


class ChartPeriodSerializer(serializers.Serializer):
    """Whole spans, or no dates for all days."""

    date_from = serializers.DateField(allow_null=True, source="first")
    date_to = serializers.SerializerMethodField()

    def get_date_to(self, period: Period) -> datetime.date | None:
        return period.end - ONE_DAY if period.end else None


class ChartSerializer(serializers.Serializer):
    """Numbers of all studies of the archive, whoever may see which."""

    heading = serializers.CharField(help_text="Of the labels.")
    labels = serializers.ListField(child=serializers.CharField())
    lines = LineSerializer(many=True)
    addresses = serializers.ListField(
        child=serializers.CharField(),
        help_text="For each label the query string of the list of its studies, or empty.",
    )
    facts = serializers.DictField(child=serializers.CharField())
    period = ChartPeriodSerializer()
