"""multipart/related bodies, read as they were written and refused where they are broken."""

import io
import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.dicom.multipart import new_boundary, read_parts, write_parts
from studies.errors import MalformedBodyError

BOUNDARY = "the-boundary"


class Trickle:
    """A stream that hands out pieces of the given sizes, as a network does."""

    def __init__(self, content: bytes, sizes: list[int]) -> None:
        self._stream = io.BytesIO(content)
        self._sizes = iter(sizes)

    def read(self, size: int) -> bytes:
        return self._stream.read(min(size, next(self._sizes, size)))


def read(content: bytes, boundary: str = BOUNDARY, sizes: list[int] | None = None):
    """Content-Type and content of each part."""
    return [
        (part.content_type, b"".join(iter(part.read, b"")))
        for part in read_parts(Trickle(content, sizes or []), boundary)
    ]


def body(*lines: str) -> bytes:
    return "\r\n".join(lines).encode()


# Contents that come close to a delimiter are the ones that could be cut wrongly.
NEAR_DELIMITERS = st.lists(
    st.sampled_from([b"\r", b"\n", b"-", b"--", b"\r\n--", b"\r\n--the-boundar", b"a", b"\0" * 70])
).map(b"".join)
BOUNDARIES = st.text("abcXYZ019'()+_,-./:=?", min_size=1, max_size=70)


@given(
    st.lists(st.tuples(st.sampled_from(["application/dicom", "a/b; c=d"]), NEAR_DELIMITERS | st.binary())),
    st.lists(st.integers(1, 40), max_size=60),
)  # fmt: skip
def test_what_was_written_is_read_however_it_arrives(parts, sizes):
    written = b"".join(write_parts(BOUNDARY, [(kind, [content]) for kind, content in parts]))

    assert read(written, sizes=sizes) == parts


@given(BOUNDARIES, st.binary(max_size=200))
def test_any_boundary_that_the_content_does_not_hold_will_do(boundary, content):
    if f"\r\n--{boundary}".encode() in b"\r\n" + content + b"\r\n--":
        return
    written = b"".join(write_parts(boundary, [("a/b", [content])]))

    assert read(written, boundary) == [("a/b", content)]


@given(
    st.binary(max_size=300),
    st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3)), max_size=5),
    st.lists(st.integers(1, 40), max_size=20),
)
def test_a_mutilated_body_is_read_or_refused_and_nothing_else(content, changes, sizes):
    written = bytearray(b"".join(write_parts(BOUNDARY, [("a/b", [content])] * 2)))
    for position, change in changes:
        written[position : position + len(change)] = change

    try:
        read(bytes(written), sizes=sizes)
    except MalformedBodyError as error:
        assert str(error)  # noqa: PT017 - either is right


def test_preamble_epilogue_and_padding_are_ignored():
    content = body("hello", "--the-boundary \t", "A: b", "", "content", "--the-boundary--", "bye")

    assert read(content) == [("", b"content")]


def test_headers_are_known_by_their_names_in_any_case():
    content = body("--the-boundary", "CONTENT-type: a/b", "X:y: z ", "", "", "--the-boundary--")

    (part,) = read_parts(io.BytesIO(content), BOUNDARY)

    assert part.headers == {"content-type": "a/b", "x": "y: z"}


def test_a_part_that_nobody_reads_is_skipped():
    written = b"".join(write_parts(BOUNDARY, [("a/b", [b"x" * 3_000_000]), ("c/d", [b"y"])]))

    assert [part.content_type for part in read_parts(io.BytesIO(written), BOUNDARY)] == [
        "a/b", "c/d",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "ends before"),
        (body("--the-boundary", "", "content"), "ends before"),
        (body("--the-boundary", "A: b"), "ends before"),
        (body("--the-boundary", "", "content", "--the-bound"), "ends before"),
        (body("--the-boundary!", "", "", "--the-boundary--"), "something else"),
        (body("--the-boundary", "no colon", "", "", "--the-boundary--"), "no name"),
        (body("--the-boundary", ": b", "", "", "--the-boundary--"), "no name"),
        (body("--the-boundary", *["A: b"] * 33, "", "", "--the-boundary--"), "more than 32"),
        (body("--the-boundary", "A: " + "b" * 20_000, "", "", "--the-boundary--"), "longer"),
        (body("--the-boundary", *["A: " + "b" * 9000] * 2, "", "", "--the-boundary--"), "longer"),
        (body("--the-boundary" + " " * 300, "", "", "--the-boundary--"), "longer"),
        (b"--the-boundary" + b" " * 3_000_000, "longer"),
    ],
    ids=range(12),
)
def test_a_broken_body_is_refused_with_its_reason(content, complaint):
    with pytest.raises(MalformedBodyError, match=complaint):
        read(content)


@pytest.mark.parametrize("boundary", ["", "b" * 201, "böundary"])
def test_a_boundary_that_cannot_be_one_is_refused(boundary):
    with pytest.raises(MalformedBodyError, match="boundary"):
        read(b"", boundary)


def test_a_boundary_of_73_characters_is_taken_because_orthanc_sends_it():
    boundary = "b" * 73

    assert read(b"".join(write_parts(boundary, [("a/b", [b"x"])])), boundary) == [("a/b", b"x")]


def test_a_stream_that_fails_is_a_body_that_cannot_be_read():
    class Failing:
        def read(self, _size: int) -> bytes:
            raise ConnectionResetError

    with pytest.raises(MalformedBodyError, match="could not be read"):
        list(read_parts(Failing(), BOUNDARY))


def test_parts_before_a_broken_one_are_whole():
    written = b"".join(write_parts(BOUNDARY, [("a/b", [b"whole"]), ("a/b", [b"broken"])]))
    parts = read_parts(io.BytesIO(written[:-20]), BOUNDARY)

    assert b"".join(iter(next(parts).read, b"")) == b"whole"
    with pytest.raises(MalformedBodyError):
        b"".join(iter(next(parts).read, b""))


class Endless:
    """A part of so many bytes, made while it is read."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._start = b"--the-boundary\r\n\r\n"

    def read(self, size: int) -> bytes:
        start, self._start = self._start, b""
        if start:
            return start
        if not self._left:
            return b"\r\n--the-boundary--"
        size = min(size, self._left)
        self._left -= size
        return bytes(size)


def test_memory_does_not_grow_with_a_part():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    part = next(read_parts(Endless(512 * 1024 * 1024), BOUNDARY))
    size = sum(map(len, iter(part.read, b"")))

    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert size == 512 * 1024 * 1024
    assert grown_kib < 32 * 1024


def test_a_new_boundary_is_never_an_old_one():
    assert new_boundary() != new_boundary()
