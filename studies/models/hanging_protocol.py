"""Hanging protocols: which series of a study hang where when the viewer opens it."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

# What a cell may ask for, and which answers make sense.
_CHOICES = {
    "study": {"current", "prior"},
    "laterality": {"L", "R"},
    "plane": {"axial", "coronal", "sagittal"},
    "otherwise": {"next", "empty"},
}
_TEXTS = {"modality": 16, "view": 16, "description": 100, "without": 100}
_NUMBERS = {"at_least": 100_000, "number": 100}
_RULES = sorted({*_CHOICES, *_TEXTS, *_NUMBERS})


class HangingProtocol(models.Model):
    """A grid and a rule for each of its cells, for studies of a modality and a body part.

    Of those that fit a study the one of the highest priority is taken, then the one that names
    more; see `studies.hanging`, and `frontend/src/hanging.js` for how cells find their series.
    """

    name = models.CharField(max_length=64, unique=True)
    modality = models.CharField(max_length=16, blank=True, help_text="As CT; empty fits every one.")
    body_part = models.CharField(
        max_length=16, blank=True, help_text="Body Part Examined, as CHEST; empty fits every one."
    )
    priority = models.SmallIntegerField(default=0, help_text="The highest that fits is taken.")
    rows = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(3)]
    )
    columns = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(3)]
    )
    cells = models.JSONField(
        default=list,
        blank=True,
        help_text="One object for each cell, row by row; {} takes the next series.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(rows__range=(1, 3), columns__range=(1, 3)),
                name="a_grid_has_one_to_three_rows_and_columns",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def shows_prior(self) -> bool:
        """Whether a cell asks for the newest relevant prior."""
        return any(cell.get("study") == "prior" for cell in self.cells)

    def clean(self) -> None:
        self.modality, self.body_part = self.modality.upper(), self.body_part.upper()
        if self.rows and self.columns:
            problems = _problems_of(self.cells, self.rows * self.columns)
            if problems:
                raise ValidationError({"cells": problems})


def _problems_of(cells: Any, room: int) -> list[str]:
    """What is wrong with the cells of a protocol, in words for who edits it."""
    if not isinstance(cells, list):
        return ["The cells are a list, as [{}, {}]."]
    if len(cells) > room:
        return [f"The grid has room for {room} cells, not for {len(cells)}."]
    return [
        f"Cell {number}: {problem}"
        for number, cell in enumerate(cells, start=1)
        for problem in _problems_of_cell(cell)
    ]


def _problems_of_cell(cell: Any) -> list[str]:
    if not isinstance(cell, dict):
        return ['it is an object, as {"description": "flair"}.']
    return [problem for rule, value in cell.items() if (problem := _problem_of_rule(rule, value))]


def _problem_of_rule(rule: str, value: Any) -> str:
    if rule in _CHOICES and value not in [*_CHOICES[rule]]:
        return f"“{rule}” is one of {', '.join(sorted(_CHOICES[rule]))}."
    if rule in _TEXTS and not (isinstance(value, str) and 0 < len(value) <= _TEXTS[rule]):
        return f"“{rule}” is a text of 1 to {_TEXTS[rule]} characters."
    # True is an int to Python.
    if rule in _NUMBERS and not (type(value) is int and 0 < value <= _NUMBERS[rule]):
        return f"“{rule}” is a number from 1 to {_NUMBERS[rule]}."
    return "" if rule in _RULES else f"“{rule}” is no rule; those are {', '.join(_RULES)}."
