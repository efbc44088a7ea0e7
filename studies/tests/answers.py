"""What clients read out of answers of the DICOMweb service."""

import json
from typing import Any


def body(response: Any) -> bytes:
    return b"".join(response) if response.streaming else response.content


def json_of(response: Any) -> Any:
    return json.loads(body(response))


def parts_with_headers(response: Any) -> list[tuple[dict[str, str], bytes]]:
    """Headers and content of each part of a multipart payload."""
    boundary = response["Content-Type"].split("boundary=")[1].encode()
    found = []
    for piece in body(response).split(b"--" + boundary)[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        lines = head.decode().strip().split("\r\n")
        found.append((dict(line.split(": ", 1) for line in lines), content[:-2]))
    return found


def parts(response: Any) -> list[tuple[str, bytes]]:
    """Content-Type and content of each part."""
    return [(headers["Content-Type"], part) for headers, part in parts_with_headers(response)]
