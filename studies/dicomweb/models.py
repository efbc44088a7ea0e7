"""The DICOM JSON model of matches or instances as a body, in JSON or in XML (PS3.18 8.7.3.2)."""

import json
from collections.abc import Iterable, Iterator

from studies.dicom.multipart import new_boundary, write_parts
from studies.dicom.xml_model import dataset_to_xml
from studies.dicomweb.media_types import DICOM_XML


def as_array(texts: Iterable[str]) -> Iterator[bytes]:
    """One JSON array, in pieces."""
    opening = b"["
    for text in texts:
        yield opening + text.encode()
        opening = b","
    yield b"]" if opening == b"," else b"[]"


def as_xml_parts(texts: Iterable[str]) -> tuple[str, Iterator[bytes]]:
    """Content-Type and pieces of a body of which each part is a Native DICOM Model."""
    boundary = new_boundary()
    parts = ((DICOM_XML, [dataset_to_xml(json.loads(text))]) for text in texts)
    content_type = f'multipart/related; type="{DICOM_XML}"; boundary={boundary}'
    return content_type, write_parts(boundary, parts)
