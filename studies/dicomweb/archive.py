"""A study, a series or an instance as one ZIP with its DICOMDIR (PS3.18 8.6.1.3, PS3.12 V)."""

import io
import itertools
import json
import zipfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import patch_vary_headers

from accounts.acts import Act, Action, note
from studies import retrieve
from studies.dicom.dicomdir import Directory, needs_header
from studies.dicomweb.media_types import ZIP, accepted
from studies.dicomweb.payload import etag_of, unless_unchanged
from studies.errors import NotAvailableError
from studies.models import Instance

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_README = """\
This is a DICOM File-set: medical images and documents of one study, with the file DICOMDIR that
lists them (DICOM PS3.10). Open DICOMDIR, or this folder, in a DICOM viewer.

The content belongs to a patient's record. Keep it as such.
"""
# An entry of this size or more may pass 2 GiB once another identity is laid over it.
_LARGE_BYTES = 1024**3


def is_wanted(request: HttpRequest) -> bool:
    """Whether a ZIP is what the client would like best."""
    return any(wish.type == ZIP for wish in accepted(request)[:1])


def retrieve_archive(
    request: HttpRequest, study: str, series: str | None, instance: str | None
) -> HttpResponseBase:
    """All instances below what is named, in the transfer syntaxes in which they are stored.

    Raises:
        NotFoundError: If there is none that this person may know of.
        NotAvailableError: If another transfer syntax is asked for; that is not offered here.
    """
    if accepted(request)[0].transfer_syntax not in ("", "*"):
        raise NotAvailableError("A ZIP holds the files as they are stored: transfer-syntax=*.")
    found = retrieve.find_instance_set(request.user, study, series, instance)
    uids = [uid for uid in (series, instance) if uid]
    note(Act(action=Action.EXPORT, what="study downloaded", study_uids=[study], object_uids=uids))
    name = f"{instance or series or study}.zip"
    etag = etag_of(found.state, ZIP, is_strong=False)
    return unless_unchanged(request, etag, lambda: _download(request, found, name))


def _download(
    request: HttpRequest, instances: Iterable[Instance], name: str
) -> StreamingHttpResponse:
    pieces = iter(()) if request.method == "HEAD" else _zip(instances)
    # What fails on the first bytes still fails as an error.
    started = itertools.chain(list(itertools.islice(pieces, 1)), pieces)
    response = StreamingHttpResponse(started, content_type=ZIP)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    patch_vary_headers(response, ["Accept"])
    return response


def _zip(instances: Iterable[Instance]) -> Iterator[bytes]:
    """The archive in pieces; the directory comes last, so that it lists what was really sent.

    Deflate of level 0 packs without compressing: compressed pixels gain nothing, and others would
    make the network wait for the processor. A plainly stored entry of which only the end tells the
    size could not be unpacked as a stream.
    """
    sink, directory = _Sink(), Directory()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=0) as archive:
        for instance in instances:
            name = "/".join(_listed(directory, instance))
            size = instance.stored_object.size_bytes
            with archive.open(name, "w", force_zip64=size >= _LARGE_BYTES) as file:
                for piece in retrieve.retrieve_instance(instance):
                    file.write(piece)
                    if packed := sink.taken():
                        yield packed
        archive.writestr("README.TXT", _README.replace("\n", "\r\n"))
        archive.writestr("DICOMDIR", directory.encode())
    yield sink.taken()


def _listed(directory: Directory, instance: Instance) -> tuple[str, ...]:
    """The name of its file. One query more for a kind whose record needs the header: few have."""
    stored = instance.stored_object
    header = json.loads(stored.header_json) if needs_header(instance.sop_class_uid) else {}
    return directory.add(
        retrieve.identity_of(instance),
        sop_class_uid=instance.sop_class_uid,
        transfer_syntax_uid=stored.transfer_syntax_uid,
        header=header,
    )


class _Sink(io.RawIOBase):
    """Keeps what is written until it is taken; cannot seek, so sizes follow each entry."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, content: "ReadableBuffer", /) -> int:
        self._pieces.append(bytes(content))
        return len(self._pieces[-1])

    def taken(self) -> bytes:
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content
