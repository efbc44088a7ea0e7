"""Puts the portal's studies into Orthanc's index, where storing them over HTTP would take days.

Orthanc 1.10 with its PostgreSQL index 4.0 keeps a row for each patient, study, series and instance
(Resources), their main tags one by one (MainDicomTags), those it searches by once more in capitals
(DicomIdentifiers), and where files lie (AttachedFiles). The rows are written as it writes them
itself. Each series has its first instance only: fewer rows than the portal searches, which is in
Orthanc's favour. Its file is the phantom that the portal's instance shares too, so whatever Orthanc
reads from a file, answers of QIDO-RS among them, names the phantom.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

PATIENT, STUDY, SERIES, INSTANCE = range(4)
_TABLES = {
    "resources": ("internalid", "resourcetype", "publicid", "parentid"),
    "maindicomtags": ("id", "taggroup", "tagelement", "value"),
    "dicomidentifiers": ("id", "taggroup", "tagelement", "value"),
    "metadata": ("id", "type", "value", "revision"),
    "attachedfiles": (
        "id", "filetype", "uuid", "compressedsize", "uncompressedsize", "compressiontype",
        "uncompressedhash", "compressedhash", "revision",
    ),
    "patientrecyclingorder": ("patientid",),
}  # fmt: skip
# One row for each series: what Orthanc calls main tags, and the file of the first instance.
_SERIES = """
    SELECT st.patient_record_id, st.id, st.patient_id,
        rtrim(concat_ws('=', st.patient_name, st.patient_name_ideographic,
            st.patient_name_phonetic), '='),
        coalesce(to_char(st.patient_birth_date, 'YYYYMMDD'), ''), st.patient_sex,
        st.study_instance_uid, coalesce(to_char(st.study_date, 'YYYYMMDD'), ''),
        coalesce(to_char(st.study_time, 'HH24MISS'), ''), st.accession_number,
        rtrim(concat_ws('=', st.referring_physician_name, st.referring_physician_name_ideographic,
            st.referring_physician_name_phonetic), '='),
        st.study_description, st.study_id, st.institution_name,
        se.series_instance_uid, se.modality, coalesce(se.series_number::text, ''),
        se.series_description, se.body_part_examined,
        i.sop_instance_uid, i.sop_class_uid, coalesce(i.instance_number::text, ''),
        o.object_key, o.size_bytes, o.transfer_syntax_uid, o.pixel_data_offset - 12
    FROM studies_study st
    JOIN studies_series se ON se.study_id = st.id
    CROSS JOIN LATERAL (
        SELECT * FROM studies_instance WHERE series_id = se.id ORDER BY instance_number, id LIMIT 1
    ) i
    JOIN studies_storedobject o ON o.id = i.stored_object_id
    WHERE o.source = 'seed'
    ORDER BY st.patient_record_id, st.id, se.id
"""


def fill(orthanc_conninfo: str, storage: Path, portal_conninfo: str, objects: Path) -> None:
    """Fill an Orthanc that has made its tables and does not run.

    Args:
        orthanc_conninfo: Its database.
        storage: Its directory of files, which gets links to the phantoms.
        portal_conninfo: The portal's database.
        objects: The portal's object store.
    """
    with psycopg.connect(orthanc_conninfo) as target:
        # No triggers and foreign keys: what they would count and check is done at the end.
        target.execute("SET session_replication_role = replica")
        target.execute("SET maintenance_work_mem = '1GB'")
        definitions = _drop_indexes(target)
        _copy_rows(orthanc_conninfo, portal_conninfo, _Files(objects, storage))
        for definition in definitions:
            target.execute(definition)
        _count(target)
    with psycopg.connect(orthanc_conninfo, autocommit=True) as target:
        target.execute("VACUUM ANALYZE")


def _drop_indexes(target: psycopg.Connection[Any]) -> list[str]:
    """Indexes that are not constraints, made again when the rows are there; committed."""
    rows = target.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        " AND indexname NOT LIKE '%%pkey'"
    ).fetchall()
    for name, _ in rows:
        target.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    target.commit()
    return [definition for _, definition in rows]


def _copy_rows(orthanc_conninfo: str, portal_conninfo: str, files: "_Files") -> None:
    with ExitStack() as stack:
        copies = {}
        for table, columns in _TABLES.items():
            connection = stack.enter_context(psycopg.connect(orthanc_conninfo))
            connection.execute("SET session_replication_role = replica")
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
            copies[table] = stack.enter_context(connection.cursor().copy(statement))
        source = stack.enter_context(psycopg.connect(portal_conninfo))
        rows = stack.enter_context(source.cursor().copy(f"COPY ({_SERIES}) TO STDOUT"))
        for table, line in _lines(rows.rows(), files):
            copies[table].write("\t".join(map(_text, line)) + "\n")


def _text(value: object) -> str:
    return r"\N" if value is None else str(value).replace("\\", "\\\\")


class _Files:
    """Phantoms under Orthanc's own names: a UUID, in two levels of directories."""

    def __init__(self, objects: Path, storage: Path) -> None:
        self._objects, self._storage = objects, storage
        self._known: dict[str, tuple[str, str]] = {}

    def of(self, key: str) -> tuple[str, str]:
        """UUID and MD5 of an object, linked when first asked for."""
        if key not in self._known:
            digest = hashlib.md5((self._objects / key).read_bytes()).hexdigest()
            name = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))
            target = self._storage / name[:2] / name[2:4] / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                os.link(self._objects / key, target)
            self._known[key] = name, digest
        return self._known[key]


def _lines(rows: Iterator[tuple[Any, ...]], files: _Files) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Table and row, for rows of _SERIES in their order."""
    patient_key = study_key = None
    patient = study = number = 0
    for row in rows:
        identity, described, kind, image = row[2:6], row[6:14], row[14:19], row[19:]
        if row[0] != patient_key:
            patient_key, patient, number = row[0], number + 1, number + 1
            yield from _resource(patient, PATIENT, None, identity[:1])
            yield from _tags(patient, _PATIENT_TAGS, identity)
            yield "patientrecyclingorder", (patient,)
        if row[1] != study_key:
            study_key, study, number = row[1], number + 1, number + 1
            yield from _resource(study, STUDY, patient, (identity[0], described[0]))
            yield from _tags(study, _STUDY_TAGS, (*identity, *described))
        series, instance, number = number + 1, number + 2, number + 2
        uids = (identity[0], described[0], kind[0])
        yield from _resource(series, SERIES, study, uids)
        yield from _tags(series, _SERIES_TAGS, kind)
        yield from _resource(instance, INSTANCE, series, (*uids, image[0]))
        yield from _tags(instance, _INSTANCE_TAGS, (image[0], image[2]))
        yield from _file(instance, image, files)


# Group, element, and whether Orthanc searches by it.
_PATIENT_TAGS = ((16, 32, 1), (16, 16, 1), (16, 48, 1), (16, 64, 0))
_STUDY_TAGS = (
    *_PATIENT_TAGS, (32, 13, 1), (8, 32, 1), (8, 48, 0), (8, 80, 1), (8, 144, 0), (8, 4144, 1),
    (32, 16, 0), (8, 128, 0),
)  # fmt: skip
_SERIES_TAGS = ((32, 14, 1), (8, 96, 0), (32, 17, 0), (8, 4158, 0), (24, 21, 0))
_INSTANCE_TAGS = ((8, 24, 1), (32, 19, 0))
_RECEPTION_DATE, _LAST_UPDATE, _TRANSFER_SYNTAX, _SOP_CLASS, _PIXEL_DATA = 2, 7, 9, 10, 14
_NOW = "20261127T000000"


def _resource(
    pk: int, level: int, parent: int | None, uids: tuple[str, ...]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Its public name is the SHA-1 of the identifiers down to it, in five groups."""
    digest = hashlib.sha1("|".join(uids).encode()).hexdigest()
    name = "-".join(digest[i : i + 8] for i in range(0, 40, 8))
    yield "resources", (pk, level, name, parent)
    if level != INSTANCE:
        yield "metadata", (pk, _LAST_UPDATE, _NOW, 0)


def _tags(
    pk: int, tags: tuple[tuple[int, int, int], ...], values: tuple[str, ...]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for (group, element, searched), value in zip(tags, values, strict=True):
        yield "maindicomtags", (pk, group, element, value)
        if searched:
            plain = "".join(c for c in value.upper() if c.isascii() and c.isprintable()).strip()
            yield "dicomidentifiers", (pk, group, element, plain)


def _file(pk: int, image: tuple[Any, ...], files: _Files) -> Iterator[tuple[str, tuple[Any, ...]]]:
    _, sop_class, number, key, size, syntax, pixel_data = image
    for kind, value in (
        (1, number), (_RECEPTION_DATE, _NOW), (_TRANSFER_SYNTAX, syntax), (_SOP_CLASS, sop_class),
        (_PIXEL_DATA, pixel_data or ""),
    ):  # fmt: skip
        yield "metadata", (pk, kind, value, 0)
    name, digest = files.of(key)
    yield "attachedfiles", (pk, 1, name, size, size, 1, digest, digest, 0)


def _count(target: psycopg.Connection[Any]) -> None:
    """What the triggers would have counted, and where numbers go on."""
    # Keys of GlobalIntegers: stored bytes, uncompressed bytes, then the four levels.
    for key in (0, 1):
        target.execute(
            "UPDATE globalintegers SET value ="
            " (SELECT coalesce(sum(compressedsize), 0) FROM attachedfiles) WHERE key = %s",
            [key],
        )
    target.execute(
        "UPDATE globalintegers SET value ="
        " (SELECT count(*) FROM resources WHERE resourcetype = key - 2) WHERE key BETWEEN 2 AND 5"
    )
    target.execute(
        "SELECT setval(pg_get_serial_sequence('resources', 'internalid'), max(internalid))"
        " FROM resources"
    )
