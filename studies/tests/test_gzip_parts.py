"""One gzip member out of parts that were compressed before (studies/gzip_parts.py)."""

import gzip
import json
import os
import shutil
import subprocess
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.gzip_parts import Part, array, deflate, inflate, inflated_array

ELEMENTS = st.lists(st.integers() | st.text(), min_size=1, max_size=8)


def part_of(elements: list) -> Part:
    return deflate([json.dumps(elements)[1:-1].encode()])


@given(st.lists(ELEMENTS, max_size=5))
def test_parts_become_one_array_whose_checksum_and_length_are_right(groups):
    content = b"".join(array(map(part_of, groups)))

    assert json.loads(gzip.decompress(content)) == [one for group in groups for one in group]
    inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    inflater.decompress(content)
    assert (inflater.eof, inflater.unused_data) == (True, b"")


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_a_part_holds_what_it_was_made_of(pieces):
    part, whole = deflate(pieces), b"".join(pieces)

    assert b"".join(inflate(part)) == whole
    assert (part.crc32, part.length) == (zlib.crc32(whole), len(whole))


def test_a_part_without_elements_leaves_no_comma():
    parts = [deflate([]), deflate([b"1"]), deflate([]), deflate([b"2"])]

    assert b"".join(inflated_array(parts)) == b"[1,2]"
    assert gzip.decompress(b"".join(array(parts))) == b"[1,2]"


def test_parts_longer_than_a_piece_are_inflated_to_their_end():
    numbers = os.urandom(1_000_000).hex().encode() * 3

    assert b"".join(inflate(deflate([numbers]))) == numbers


@pytest.mark.skipif(not shutil.which("gzip"), reason="apt install gzip")
def test_gzip_itself_finds_no_fault_in_it():
    content = b"".join(array([part_of([1, "two"]), part_of(list(range(100_000)))]))

    done = subprocess.run(["gzip", "-dc"], input=content, capture_output=True, check=True)

    assert json.loads(done.stdout) == [1, "two", *range(100_000)]
    assert done.stderr == b""
