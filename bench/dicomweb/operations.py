"""What is measured: each operation at the portal, at Orthanc and at the plain limit."""

import itertools
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.dicomweb.client import Connection
from bench.dicomweb.ct_study import CONTENT_TYPE, CtStudy
from bench.dicomweb.measure import Operation
from bench.dicomweb.servers import Nginx, Orthanc, Portal, Server

JSON = "application/dicom+json"
INSTANCES = 'multipart/related; type="application/dicom"; transfer-syntax=*'
FRAMES = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
STORED_PATIENT = "BENCH-STOW"
PAGE = 25
SAMPLES = 400


@dataclass(frozen=True)
class Measure:
    """One row of the table.

    Attributes:
        name: As the table calls it.
        sides: Operations of portal, Orthanc and limit, by these names.
        is_long: A request takes so long that few must do.
    """

    name: str
    sides: dict[str, Operation]
    is_long: bool = False


def get(server: Server, paths: Sequence[str], accept: str, root: str = "/dicom-web") -> Operation:
    """One of the paths after the other, in another order for each client."""

    def start(client: int) -> Any:
        connection = Connection(server.url + root, server.headers)
        endless = itertools.cycle(random.Random(client).sample(paths, len(paths)))
        return lambda: connection.measure(next(endless), accept)

    return start


def ask(conninfo: str, statement: str, parameters: Sequence[tuple[Any, ...]]) -> Operation:
    """The same question as plain SQL, on a connection of its own for each client."""

    def start(client: int) -> Any:
        connection = psycopg.connect(conninfo, autocommit=True)
        # A plan for any value whatever is a bad one for parts of names.
        connection.execute("SET plan_cache_mode = force_custom_plan")
        endless = itertools.cycle(random.Random(client).sample(parameters, len(parameters)))
        return lambda: connection.execute(statement, next(endless)).fetchall()

    return start


# --- Queries -------------------------------------------------------------------------------------

_COLUMNS = """study_instance_uid, study_date, study_time, accession_number, modalities_in_study,
    referring_physician_name, referring_physician_name_ideographic,
    referring_physician_name_phonetic, patient_name, patient_name_ideographic,
    patient_name_phonetic, patient_id, issuer_of_patient_id, patient_birth_date, patient_sex,
    study_description, study_id, timezone_offset_from_utc, number_of_study_related_series,
    number_of_study_related_instances"""
_DAY = "study_moment >= %s::date AND study_moment < %s::date + 1"


def queries(portal: Portal, orthanc: Orthanc) -> list[Measure]:
    """Search for studies (PS3.18 10.6), a page of 25."""
    found = keys(portal.conninfo)
    rows = (
        ("by MRN", "PatientID={0}", "patient_id = %s", [(k.patient_id,) for k in found]),
        ("by accession number", "AccessionNumber={0}", "accession_number = %s",
         [(k.accession_number,) for k in found]),
        ("by beginning of name", "PatientName={0}*", "patient_name_folded LIKE %s || '%%'",
         [(k.family[:4],) for k in found]),
        ("by part of name", "PatientName=*{0}*", "patient_name_folded LIKE '%%' || %s || '%%'",
         [(k.family[1:5],) for k in found]),
        ("by date and modality", "StudyDate={0}&ModalitiesInStudy={2}",
         f"{_DAY} AND modalities_in_study @> ARRAY[%s]::varchar[]",
         [(k.date, k.date, k.modality) for k in found]),
        ("without a filter", "", "true", [()]),
    )  # fmt: skip
    return [
        Measure(
            f"25 studies {name}",
            _query(portal, orthanc, (query, condition), values),
        )
        for name, query, condition, values in rows
    ]


def _query(
    portal: Portal, orthanc: Orthanc, question: tuple[str, str], values: list[tuple[Any, ...]]
) -> dict[str, Operation]:
    query, condition = question
    paths = [f"/studies?limit={PAGE}&{query.format(*value)}".rstrip("&") for value in values]
    statement = (
        f"SELECT {_COLUMNS} FROM studies_study WHERE {condition}"
        f" ORDER BY study_moment DESC, id DESC LIMIT {PAGE}"
    )
    return {
        "portal": get(portal, paths, JSON),
        "orthanc": get(orthanc, paths, JSON),
        "limit": ask(portal.conninfo, statement, values),
    }


@dataclass(frozen=True)
class Key:
    """What one study can be found by."""

    patient_id: str
    accession_number: str
    family: str
    date: str
    modality: str


def keys(conninfo: str) -> list[Key]:
    """Of studies at random, the same ones for every run on this archive."""
    statement = """
        SELECT patient_id, accession_number, split_part(patient_name_folded, ' ', 1),
            to_char(study_date, 'YYYYMMDD'), modalities_in_study[1]
        FROM studies_study JOIN unnest(%s::bigint[]) AS chosen ON id = chosen
        WHERE patient_name_folded ~ '^[a-z]{6}'
    """
    with psycopg.connect(conninfo) as connection:
        first, last = connection.execute("SELECT min(id), max(id) FROM studies_study").fetchone()
        ids = random.Random(1).sample(range(first, last + 1), min(4 * SAMPLES, last - first))
        return [Key(*row) for row in connection.execute(statement, [ids]).fetchall()][:SAMPLES]


# --- Retrieval -----------------------------------------------------------------------------------


def retrieval(portal: Portal, orthanc: Orthanc, nginx: Nginx, study: CtStudy) -> list[Measure]:
    """Retrieve (PS3.18 10.4) of the CT study, which both servers hold."""
    series = f"/studies/{study.study_uid}/series/{study.series_uid}"
    frames = [f"{series}/instances/{uid}/frames/1" for uid in study.sop_uids]
    for number, one in enumerate(study.slices):
        (nginx.root / f"frame-{number}").write_bytes(one.pixels)
    connection = Connection(f"{portal.url}/dicom-web", portal.headers)
    metadata = connection.get(f"{series}/metadata", JSON)
    (nginx.root / "metadata").write_bytes(metadata)
    with (nginx.root / "study").open("wb") as file:
        file.writelines(study.multipart())
    return [
        _retrieval(f"metadata of a series of {len(study.slices)}", (portal, orthanc, nginx),
                   ([f"{series}/metadata"], ["/metadata"]), JSON),
        _retrieval("a frame of 512 KiB", (portal, orthanc, nginx),
                   (frames, [f"/frame-{number}" for number in range(len(frames))]), FRAMES),
        _retrieval(f"a CT study of {study.multipart_bytes / 1e6:.0f} MB", (portal, orthanc, nginx),
                   ([f"/studies/{study.study_uid}"], ["/study"]), INSTANCES),
    ]  # fmt: skip


def _retrieval(
    name: str,
    servers: tuple[Portal, Orthanc, Nginx],
    paths: tuple[list[str], list[str]],
    accept: str,
) -> Measure:
    portal, orthanc, nginx = servers
    return Measure(
        name,
        {
            "portal": get(portal, paths[0], accept),
            "orthanc": get(orthanc, paths[0], accept),
            "limit": get(nginx, paths[1], accept, root=""),
        },
    )


# --- Storing -------------------------------------------------------------------------------------


def storing(portal: Portal, orthanc: Orthanc, study: CtStudy, scratch: Path) -> Measure:
    """Store (PS3.18 10.5) of the CT study, under other UIDs each time."""
    return Measure(
        f"storing a CT study of {study.multipart_bytes / 1e6:.0f} MB",
        {
            "portal": store(portal, study),
            "orthanc": store(orthanc, study),
            "limit": write(scratch, study),
        },
        is_long=True,
    )


def store(server: Server, study: CtStudy) -> Operation:
    length = study.multipart_bytes

    def start(client: int) -> Any:
        connection = Connection(f"{server.url}/dicom-web", server.headers)

        def call() -> None:
            copy = study.another(STORED_PATIENT, client)
            connection.post("/studies", CONTENT_TYPE, length, copy.multipart())

        return call

    return start


def write(scratch: Path, study: CtStudy) -> Operation:
    """The same files written and flushed to the disk one by one."""

    def start(client: int) -> Any:
        directory = scratch / f"client-{client}"
        directory.mkdir(parents=True, exist_ok=True)

        def call() -> None:
            for number, content in enumerate(study.files()):
                with (directory / str(number)).open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())

        return call

    return start
