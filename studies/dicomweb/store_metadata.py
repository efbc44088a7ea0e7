"""STOW-RS of metadata and bulk data apart: the instances that they make up (PS3.18 10.5.1.4)."""

import json
from collections.abc import Iterator
from typing import IO, Any

from django.conf import settings
from django.utils.http import parse_header_parameters

from studies import storage
from studies.dicom.compose import Allowance, BulkData, FileRange, write_instance
from studies.dicom.multipart import Part, Readable
from studies.dicom.parse import EXPLICIT_VR_LITTLE_ENDIAN
from studies.dicom.xml_model import dataset_from_xml
from studies.dicomweb.media_types import (
    DEFAULT_TRANSFER_SYNTAXES,
    DICOM_JSON,
    DICOM_XML,
    OCTET_STREAM,
)
from studies.errors import InstanceTooLargeError, InvalidInstanceError, MalformedBodyError
from studies.ingest import RefusedInput

# In memory, where it takes many times the space; of an image of thousands of frames it is 10 MB.
_MAX_METADATA_BYTES = 32 * 1024 * 1024
# Each may cost an entry of the answer, which is held in memory.
MAX_INSTANCES = 50_000
# Each costs a row in quarantine, though few bytes make one.
_MAX_REFUSED = 1_000
# Instances may share small bulk data such as palettes.
_SHARED_BYTES = 64 * 1024 * 1024


def composed_instances(parts: Iterator[Part]) -> Iterator[Readable]:
    """One Part 10 file after the other, each open while it is its turn.

    Metadata come first, as an array in JSON or as a document of XML for each instance. All other
    parts are bulk data, named by their Content-Location as the metadata name them; several of one
    name are the frames of one image, in their order.

    Raises:
        MalformedBodyError: If the metadata are not of their media type, or make up more instances
            than are taken, more that are none, or many more bytes than came.
    """
    with storage.spooled() as spool:
        try:
            models, bulk = _gather(parts, spool)
        except InstanceTooLargeError as error:
            yield RefusedInput(error)
            return
        came = sum(value.written_bytes for value in bulk.values())
        allowance = Allowance(2 * came + _SHARED_BYTES)
        refused = 0
        for model in models:
            with storage.spooled() as file:
                try:
                    write_instance(
                        model, bulk, file,
                        max_bytes=settings.PACS_MAX_INSTANCE_BYTES, allowance=allowance,
                    )  # fmt: skip
                except InvalidInstanceError as error:
                    refused += 1
                    if refused > _MAX_REFUSED:
                        raise MalformedBodyError(
                            "too much of the metadata is no instance"
                        ) from error
                    yield RefusedInput(error)
                    continue
                file.seek(0)
                yield file


def _gather(parts: Iterator[Part], spool: IO[bytes]) -> tuple[list[Any], dict[str, BulkData]]:
    """The metadata, and where in the spool file the bulk data lie, which fill it."""
    models: list[Any] = []
    bulk: dict[str, BulkData] = {}
    metadata_left = _MAX_METADATA_BYTES
    for part in parts:
        if part.media_type in (DICOM_JSON, DICOM_XML):
            content = _read_metadata(part, metadata_left)
            metadata_left -= len(content)
            models += _models(part.media_type, content)
            if len(models) > MAX_INSTANCES:
                raise MalformedBodyError(f"the metadata are of more than {MAX_INSTANCES} instances")
        else:
            _add(bulk, part, _spool(part, spool))
    if not models:
        raise MalformedBodyError("the body has no metadata")
    spool.flush()
    return models, bulk


def _read_metadata(part: Part, at_most: int) -> bytes:
    content = bytearray()
    while chunk := part.read():
        content += chunk
        if len(content) > at_most:
            raise InstanceTooLargeError(f"the metadata are larger than {_MAX_METADATA_BYTES} bytes")
    return bytes(content)


def _models(media_type: str, content: bytes) -> list[Any]:
    try:
        found = json.loads(content) if media_type == DICOM_JSON else dataset_from_xml(content)
    except (ValueError, RecursionError, InvalidInstanceError) as error:
        raise MalformedBodyError(f"the metadata cannot be read as {media_type}") from error
    return found if isinstance(found, list) else [found]


def _spool(part: Part, spool: IO[bytes]) -> FileRange:
    start = size = spool.tell()
    while chunk := part.read():
        size += len(chunk)
        if size > settings.PACS_MAX_INSTANCE_BYTES:
            raise InstanceTooLargeError("the bulk data are larger than any instance may be")
        spool.write(chunk)
    return FileRange(spool, start, size - start)


def _add(bulk: dict[str, BulkData], part: Part, piece: FileRange) -> None:
    uri = part.headers.get("content-location", "")
    known = bulk.setdefault(uri, BulkData(_transfer_syntax(part), []))
    known.pieces.append(piece)


def _transfer_syntax(part: Part) -> str:
    """Named, or that for which the media type stands (PS3.18 Table 8.7.3-5)."""
    try:
        _, parameters = parse_header_parameters(part.content_type)
    except ValueError as error:
        raise MalformedBodyError("the Content-Type of a part cannot be read") from error
    default = DEFAULT_TRANSFER_SYNTAXES.get(part.media_type, "")
    if part.media_type in ("", OCTET_STREAM):
        default = EXPLICIT_VR_LITTLE_ENDIAN
    return parameters.get("transfer-syntax", default)
