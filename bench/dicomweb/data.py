"""The same data in both archives: seeded studies, a CT study, and no leftovers of storing."""

import hashlib
import json
import shutil
import urllib.parse
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench.dicomweb import operations, orthanc_index
from bench.dicomweb.client import Connection, RefusedError
from bench.dicomweb.ct_study import CONTENT_TYPE, CtStudy
from bench.dicomweb.servers import Orthanc, Portal


def prepare(portal: Portal, orthanc: Orthanc, studies: int) -> None:
    """Seed the portal, and Orthanc's index from it, where that has not been done before."""
    portal.prepare(studies)
    if orthanc.directory.exists():
        return
    with psycopg.connect(portal.conninfo, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    # Under another name until it is whole: what an interrupted run leaves is made again.
    unfinished = Orthanc(orthanc.directory.with_name("orthanc-unfinished"))
    shutil.rmtree(unfinished.directory, ignore_errors=True)
    unfinished.start()  # makes its tables
    unfinished.stop()
    objects = portal.directory / "objects"
    orthanc_index.fill(unfinished.conninfo, unfinished.storage, portal.conninfo, objects)
    unfinished.database.stop()
    unfinished.directory.rename(orthanc.directory)


def store_ct_study(portal: Portal, orthanc: Orthanc, study: CtStudy, files: Path) -> None:
    """By the portal's import, which takes files, and by Orthanc's STOW-RS."""
    portal.manage("import_dicom", str(files))
    body = Connection(f"{orthanc.url}/dicom-web", {})
    body.post("/studies", CONTENT_TYPE, study.multipart_bytes, study.multipart())


def compare(portal: Portal, orthanc: Orthanc) -> str:
    """How many sampled searches give the same studies in both."""
    keys = operations.keys(portal.conninfo)[:20]
    questions: list[dict[str, str]] = [{"PatientID": key.patient_id} for key in keys]
    questions += [{"AccessionNumber": key.accession_number} for key in keys]
    questions += [{"StudyDate": key.date, "ModalitiesInStudy": key.modality} for key in keys[:5]]
    same = sum(_is_answered_alike(portal, orthanc, question) for question in questions)
    counts = Connection(orthanc.url, {}).get_json("/statistics")
    return (
        f"{same} of {len(questions)} sampled searches give the same studies;"
        f" Orthanc holds {counts['CountStudies']} studies, {counts['CountSeries']} series"
        f" and {counts['CountInstances']} instances"
    )


_COMPARED = {
    "PatientID": "00100020", "AccessionNumber": "00080050", "StudyDate": "00080020",
    "StudyTime": "00080030", "StudyDescription": "00081030", "StudyInstanceUID": "0020000D",
}  # fmt: skip


def _is_answered_alike(portal: Portal, orthanc: Orthanc, question: dict[str, str]) -> bool:
    """By Orthanc's QIDO-RS as many, by its own search the very same.

    Its QIDO-RS describes what it found from the files, which are the phantoms' (see
    orthanc_index); its own search does so from the index.
    """
    path = f"/studies?{urllib.parse.urlencode(question)}"
    ours = _search(portal, path)
    body = json.dumps({"Level": "Study", "Expand": True, "Query": question}).encode()
    connection = Connection(orthanc.url, {})
    theirs = json.loads(connection.post("/tools/find", "application/json", len(body), [body]))
    values = [_values(study["MainDicomTags"] | study["PatientMainDicomTags"]) for study in theirs]
    return sorted(map(_values, ours)) == sorted(values) and len(_search(orthanc, path)) == len(ours)


def _search(server: Portal | Orthanc, path: str) -> list[dict[str, Any]]:
    connection = Connection(f"{server.url}/dicom-web", server.headers)
    found: list[dict[str, Any]] = connection.get_json(path, operations.JSON)
    return found


def _values(study: dict[str, Any]) -> list[str]:
    """Of a study as QIDO-RS or as Orthanc's own search describes it."""
    return [
        study[keyword] if keyword in study else str(study.get(tag, {}).get("Value", [""])[0])
        for keyword, tag in _COMPARED.items()
    ]


# --- Taking away what was stored -----------------------------------------------------------------


def remove_stored(portal: Portal, orthanc: Orthanc) -> None:
    """All studies of the patient under whom storing is measured."""
    with psycopg.connect(portal.conninfo) as connection:
        keys = _remove_patient(connection, operations.STORED_PATIENT)
    for key in keys:
        (portal.directory / "objects" / key).unlink(missing_ok=True)
    patient = hashlib.sha1(operations.STORED_PATIENT.encode()).hexdigest()
    name = "-".join(patient[i : i + 8] for i in range(0, 40, 8))
    try:
        Connection(orthanc.url, {}).delete(f"/patients/{name}")
    except RefusedError:  # nothing was stored
        return


def _remove_patient(connection: psycopg.Connection[Any], patient_id: str) -> list[str]:
    """Rows of the patient and below; keys of the objects that no row names any more."""
    objects = connection.execute(
        "SELECT o.id, o.object_key FROM studies_storedobject o"
        " JOIN studies_instance i ON i.stored_object_id = o.id"
        " JOIN studies_series se ON se.id = i.series_id"
        " JOIN studies_study st ON st.id = se.study_id"
        " WHERE st.patient_id = %s",
        [patient_id],
    ).fetchall()
    patients = connection.execute(
        "SELECT id FROM studies_patient WHERE patient_id = %s", [patient_id]
    ).fetchall()
    _remove(connection, "studies_patient", [pk for (pk,) in patients])
    _remove(connection, "studies_storedobject", [pk for pk, _ in objects])
    return [key for _, key in objects]


def _remove(connection: psycopg.Connection[Any], table: str, ids: list[int]) -> None:
    """Rows by number, and before them whatever refers to them."""
    children = connection.execute(
        "SELECT conrelid::regclass::text, attname FROM pg_constraint"
        " JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]"
        " WHERE contype = 'f' AND confrelid = %s::regclass",
        [table],
    ).fetchall()
    for child, column in children if ids else ():
        found = connection.execute(
            sql.SQL("SELECT id FROM {} WHERE {} = ANY(%s)").format(
                sql.Identifier(child), sql.Identifier(column)
            ),
            [ids],
        ).fetchall()
        _remove(connection, child, [pk for (pk,) in found])
    connection.execute(
        sql.SQL("DELETE FROM {} WHERE id = ANY(%s)").format(sql.Identifier(table)), [ids]
    )
