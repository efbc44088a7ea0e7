"""Fictitious, plausible patients and studies: pure and reproducible.

Studies come in batches. A batch depends on nothing but the random seed and its number, so that
batches can be made, skipped and repeated one by one; the last day moves the dates and nothing else,
so that another day's run finds the same studies again.
"""

import datetime
import random
from collections.abc import Iterator
from dataclasses import dataclass

from studies.dicom.names import PersonName
from studies.synthetic.names import patient_name, physicians
from studies.synthetic.procedures import PROCEDURES, Procedure, SeriesPlan

BATCH_SIZE = 1000
YEARS = 10
_DAYS = int(YEARS * 365.25)
_WEEKS = YEARS * 52


@dataclass(frozen=True, slots=True)
class Site:
    """A fictitious hospital; its organisation issues the patient IDs."""

    name: str
    issuer: str
    prefix: str
    share: int


SITES = (
    Site("Northfield General Hospital", "NORTHFIELD", "NF", 40),
    Site("St. Brigid University Hospital", "STBRIGID", "SB", 30),
    Site("Harbour View Clinic", "NORTHFIELD", "NF", 12),
    Site("Lakeside Imaging Centre", "LAKESIDE", "LS", 12),
    Site("Hôpital du Vieux-Port", "VIEUXPORT", "VP", 6),
)

# Mondays and Tuesdays are full, weekends are for emergencies.
_WEEKDAYS = (1.0, 0.98, 0.95, 0.95, 0.88, 0.3, 0.22)
_HOURS = (2, 1, 1, 1, 1, 2, 5, 14, 28, 36, 38, 34, 26, 30, 34, 32, 26, 18, 11, 8, 6, 5, 4, 3)


@dataclass(frozen=True, slots=True)
class PatientRecord:
    patient_id: str
    issuer: str
    name: PersonName
    birth_date: datetime.date
    sex: str


@dataclass(frozen=True, slots=True)
class StudyRecord:
    patient: PatientRecord
    study_instance_uid: str
    date: datetime.date
    time: datetime.time
    accession_number: str
    study_id: str
    site: Site
    referring_physician: PersonName
    study_description: str
    series: tuple[SeriesPlan, ...]


def batch(random_seed: int, number: int, until: datetime.date) -> list[StudyRecord]:
    """BATCH_SIZE studies of about half as many patients."""
    rng = random.Random(f"{random_seed}/{number}")
    studies: list[StudyRecord] = []
    patients = _patients(rng, random_seed, number, until)
    while len(studies) < BATCH_SIZE:
        site, patient = next(patients)
        for _ in range(min(_number_of_studies(rng), BATCH_SIZE - len(studies))):
            index = number * BATCH_SIZE + len(studies)
            studies.append(_study(rng, random_seed, index, site, patient, until))
    return studies


def _patients(
    rng: random.Random, random_seed: int, number: int, until: datetime.date
) -> Iterator[tuple[Site, PatientRecord]]:
    for index in range(number * BATCH_SIZE, (number + 1) * BATCH_SIZE):
        site = rng.choices(SITES, weights=[s.share for s in SITES])[0]
        sex = rng.choice("MF")
        age_days = int(rng.betavariate(2.6, 1.7) * 96 * 365.25) + 1
        oldest_study = until - datetime.timedelta(days=_DAYS)
        yield (
            site,
            PatientRecord(
                patient_id=f"{site.prefix}{random_seed}-{index:07d}",
                issuer=site.issuer,
                name=patient_name(rng, sex),
                birth_date=oldest_study - datetime.timedelta(days=age_days),
                sex=sex,
            ),
        )


def _number_of_studies(rng: random.Random) -> int:
    """Most patients come once or twice, some come back for years."""
    return min(12, 1 + int(rng.expovariate(0.8)))


def _study(
    rng: random.Random,
    random_seed: int,
    index: int,
    site: Site,
    patient: PatientRecord,
    until: datetime.date,
) -> StudyRecord:
    procedure = _procedure(rng, patient, until)
    date = _date(rng, until)
    return StudyRecord(
        patient=patient,
        # A UUID as UID (PS3.5 B.2), below which series and instances are numbered.
        study_instance_uid=f"2.25.{rng.getrandbits(122)}",
        date=date,
        time=_time(rng),
        accession_number=f"{site.prefix}{random_seed}A{index:07d}",
        study_id=str(index),
        site=site,
        # The square crowds the choice on the first names of the list.
        referring_physician=physicians()[int(rng.random() ** 2 * len(physicians()))],
        study_description=rng.choice(procedure.descriptions),
        series=tuple(procedure.draw_series(rng)),
    )


def _procedure(rng: random.Random, patient: PatientRecord, until: datetime.date) -> Procedure:
    age_years = (until - patient.birth_date).days / 365.25 - YEARS  # at the earliest study
    fitting = [p for p in PROCEDURES if p.sex in ("", patient.sex) and p.youngest <= age_years]
    return rng.choices(fitting, weights=[p.share for p in fitting])[0]


def _date(rng: random.Random, until: datetime.date) -> datetime.date:
    """More in later years, fewer at weekends; always of two draws."""
    weeks_ago = int(_WEEKS * rng.random() ** 1.25)
    weekday = rng.choices(range(7), weights=_WEEKDAYS)[0]
    monday = until - datetime.timedelta(days=until.weekday())
    day = monday + datetime.timedelta(days=weekday - 7 * weeks_ago)
    return day if day <= until else day - datetime.timedelta(days=7)


def _time(rng: random.Random) -> datetime.time:
    hour = rng.choices(range(24), weights=_HOURS)[0]
    return datetime.time(hour, rng.randrange(60), rng.randrange(60))
