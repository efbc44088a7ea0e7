"""The forms by which one opens what others may not see."""

import datetime
from typing import Any

from django import forms
from django.conf import settings

from studies.models.grant import MAX_REASON

_DAYS = (1, 3, 7, 14, 30, 90)


def _lifetimes(longest: int) -> list[tuple[int, str]]:
    days = [*(days for days in _DAYS if days < longest), longest]
    return [(number, f"{number} day{'s' if number > 1 else ''}") for number in days]


class GrantForm(forms.Form):
    """Who else may see the study, why, and how long."""

    prefix = "grant"
    username = forms.CharField(label="User name", max_length=150)
    reason = forms.CharField(max_length=MAX_REASON)
    days = forms.TypedChoiceField(
        label="For",
        coerce=int,
        empty_value=None,
        required=False,
        choices=[*_lifetimes(90), ("", "until it is revoked")],
        initial=30,
    )

    @property
    def lifetime(self) -> datetime.timedelta | None:
        days = self.cleaned_data["days"]
        return datetime.timedelta(days=days) if days else None


class ShareForm(forms.Form):
    """For whom a link is, how long it lasts and how much it tells."""

    prefix = "share"
    recipient = forms.CharField(
        label="For whom", max_length=200, help_text="As others are to read it in the audit trail."
    )
    days = forms.TypedChoiceField(label="It lasts", coerce=int)
    max_opens = forms.IntegerField(
        label="Times it can be opened",
        min_value=1,
        max_value=1000,
        required=False,
        help_text="Any number, where empty.",
    )
    deidentified = forms.BooleanField(
        label="Without the patient’s identity",
        required=False,
        help_text="Names, numbers, dates and texts are left out; images only.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["days"].choices = _lifetimes(settings.PACS_SHARE_MAX_DAYS)  # type: ignore[attr-defined]

    @property
    def lifetime(self) -> datetime.timedelta:
        return datetime.timedelta(days=self.cleaned_data["days"])


class EmergencyForm(forms.Form):
    """Whom one opens, and why; by POST only, since it names a patient."""

    number = forms.CharField(
        label="MRN or accession number",
        max_length=64,
        help_text="The whole number.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
    issuer = forms.CharField(
        label="Issuer of the MRN",
        max_length=64,
        required=False,
        help_text="Only where several patients have the same number.",
    )
    reason = forms.CharField(
        max_length=MAX_REASON,
        help_text="What the emergency is, for whoever asks you about it later.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    answerable = forms.BooleanField(
        label="I need this to treat the patient now, and I answer for it under my name."
    )
