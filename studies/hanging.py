"""What the viewer puts beside what: the protocol for a study, and the prior that goes with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q

from studies import query
from studies.access import Viewer, visible_to
from studies.models import HangingProtocol, Series, Study

# Other studies of the patient that the viewer lists; the study page lists them likewise.
MAX_OTHER_STUDIES = 50
_MAX_SERIES = 500
_RULES_FOR_HEADERS = {"view", "laterality", "plane"}

# Modalities (PS3.3 C.7.3.1.1.1) that show nothing to compare with: whatever has reports is not
# therefore alike.
_WITHOUT_IMAGES = {
    "SR", "KO", "PR", "DOC", "OT", "REG", "FID", "PLAN", "RTSTRUCT", "RTPLAN", "RTRECORD", "SEG",
}  # fmt: skip
# One technique under several names, and one region of the body under those of PS3.16 Annex L.
_SAME_TECHNIQUE = ({"CR", "DX", "RG"},)
_SAME_REGION = (
    {"HEAD", "BRAIN", "SKULL"},
    {"CHEST", "THORAX", "LUNG"},
    {"ABDOMEN", "PELVIS", "ABDOMENPELVIS", "LIVER", "KIDNEY"},
    {"SPINE", "CSPINE", "TSPINE", "LSPINE", "SSPINE"},
)


@dataclass(frozen=True, slots=True)
class Hanging:
    """A protocol, the other studies of the patient newest first, and the relevant prior."""

    study: Study
    protocol: HangingProtocol
    others: list[Study]
    has_more_others: bool
    prior: Study | None


def hanging_of(viewer: Viewer, study: Study) -> Hanging:
    """How to hang a study that this person may see; four queries."""
    named = Series.objects.filter(study=study).exclude(body_part_examined="")
    body_parts = set(named.values_list("body_part_examined", flat=True).distinct()[:20])
    others = list(query.other_studies_of_patient(viewer, study)[: MAX_OTHER_STUDIES + 1])
    return Hanging(
        study=study,
        protocol=_protocol_for(study, body_parts),
        others=others[:MAX_OTHER_STUDIES],
        has_more_others=len(others) > MAX_OTHER_STUDIES,
        prior=_relevant_prior(viewer, study, body_parts),
    )


def first_series_uid(viewer: Viewer, study: Study) -> str:
    """UID of the series that hangs in the first cell, as frontend/src/hanging.js finds it.

    Empty where the cell asks for what only the headers of images know; two queries.
    """
    ordered = study.series.order_by(F("series_number").asc(nulls_last=True), "series_instance_uid")
    rows = list(visible_to(viewer, ordered.exclude(modality__in=_WITHOUT_IMAGES))[:_MAX_SERIES])
    protocol = _protocol_for(study, {row.body_part_examined for row in rows} - {""})
    cell = protocol.cells[0] if protocol.cells else {}
    if cell.keys() & _RULES_FOR_HEADERS:
        return ""
    fitting = [row for row in rows if _fits(cell, row)]
    chosen = fitting[cell.get("number", 1) - 1 :] or rows
    return chosen[0].series_instance_uid if chosen else ""


def _fits(cell: dict[str, Any], series: Series) -> bool:
    description = series.series_description
    return (
        cell.get("modality", series.modality) == series.modality
        and series.number_of_series_related_instances >= cell.get("at_least", 0)
        and is_part(cell.get("description", "*"), description)
        and not ("without" in cell and is_part(cell["without"], description))
    )


def is_part(pattern: str, text: str) -> bool:
    """Whether the pattern is part of the text: `*` stands for anything, `|` for or."""
    return any(
        _follow_each_other(alternative.strip().split("*"), text.lower())
        for alternative in pattern.lower().split("|")
    )


def _follow_each_other(parts: Iterable[str], text: str) -> bool:
    position = 0
    for part in parts:
        found = text.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _protocol_for(study: Study, body_parts: Iterable[str]) -> HangingProtocol:
    """The fitting one of the highest priority; of several, the one that names more."""
    fitting = HangingProtocol.objects.filter(
        Q(modality="") | Q(modality__in=study.modalities_in_study),
        Q(body_part="") | Q(body_part__in=_alike(body_parts, _SAME_REGION)),
    )
    ranked = sorted(fitting, key=lambda p: (-p.priority, not p.body_part, not p.modality, p.pk))
    return ranked[0] if ranked else HangingProtocol(name="One series", cells=[{}])


def _relevant_prior(viewer: Viewer, study: Study, body_parts: Iterable[str]) -> Study | None:
    """The newest earlier study of the same technique, of the same region if its region is known.

    One of another region is listed, but nobody wants a hand beside a chest.
    """
    modalities = set(study.modalities_in_study) - _WITHOUT_IMAGES
    if study.study_date is None or not modalities:
        return None
    earlier = query.earlier_studies_of_patient(
        viewer,
        study,
        modalities=_alike(modalities, _SAME_TECHNIQUE),
        body_parts=_alike(body_parts, _SAME_REGION),
    )
    candidates = list(earlier[:MAX_OTHER_STUDIES])
    same_region = [prior for prior in candidates if prior.is_of_these_parts]
    of_unknown_region = [prior for prior in candidates if not (body_parts and prior.names_a_part)]
    return next(iter(same_region + of_unknown_region), None)


def _alike(names: Iterable[str], groups: Iterable[set[str]]) -> list[str]:
    """These names and the others of their groups, in capitals."""
    wanted = {name.upper() for name in names}
    return sorted(wanted.union(*(group for group in groups if group & wanted)))
