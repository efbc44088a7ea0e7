"""`import_dicom`: every input ends in a number or a sentence, none in a traceback."""

import io
import json
import lzma
import os
import random
import re
import struct
import subprocess
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from hypothesis import HealthCheck, given, strategies
from hypothesis import settings as hypothesis_settings

from studies import importing
from studies.errors import InvalidInstanceError
from studies.importing import candidates
from studies.ingest import Provenance, store_instance
from studies.models import Instance, InstanceConflict, QuarantinedInput, Source, StoredObject
from studies.tests.builders import make_file
from studies.tests.samples import full_disk

pytestmark = pytest.mark.django_db


@pytest.fixture
def media(tmp_path) -> Path:
    """A folder to import from."""
    folder = tmp_path / "media"
    folder.mkdir()
    return folder


class Import:
    """What one run of the command said."""

    def __init__(self, *paths: Path | str, **options: bool) -> None:
        out, err = io.StringIO(), io.StringIO()
        call_command("import_dicom", *map(str, paths), stdout=out, stderr=err, **options)
        self.summary = out.getvalue().strip()
        self.lines = err.getvalue().splitlines()


def numbers(accepted: int = 0, there: int = 0, conflicting: int = 0, rejected: int = 0) -> str:
    return (
        f"{accepted} accepted, {there} already there, "
        f"{conflicting} conflicting, {rejected} rejected"
    )


def instance(number: int) -> bytes:
    return make_file(SOPInstanceUID=f"1.2.3.{number}")


def archive(path: Path, entries: dict[str, bytes], **options: int) -> Path:
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return path


def reasons(run: Import) -> list[str]:
    return [line.rsplit(": ", 1)[1] for line in run.lines]


# --- Files and folders ---------------------------------------------------------------------------


def test_a_file_is_taken_in_with_where_it_came_from(media):
    path = media / "one.dcm"
    path.write_bytes(instance(1))

    run = Import(path)

    assert (run.summary, run.lines) == (numbers(accepted=1), [])
    assert StoredObject.objects.get().source_detail == str(path)


def test_folders_are_read_to_the_bottom(media):
    for number, folder in enumerate(("a", "a/b", "a/b/c", "d")):
        (media / folder).mkdir(exist_ok=True)
        (media / folder / "IM1").write_bytes(instance(number))

    assert Import(media).summary == numbers(accepted=4)


def test_several_paths_are_read_in_their_order(media):
    paths = [media / name for name in ("b", "a")]
    for path in paths:
        path.write_bytes(make_file(StudyDescription=path.name))

    run = Import(*paths)

    assert run.summary == numbers(accepted=1, conflicting=1)
    assert run.lines == [f"conflicting: {paths[1]}: Same SOP Instance UID, other content"]


def test_the_same_run_again_finds_everything_there(media):
    for number in range(5):
        (media / str(number)).write_bytes(instance(number))
    Import(media)

    run = Import(media)

    assert (run.summary, run.lines) == (numbers(there=5), [])
    assert Instance.objects.count() == 5


def test_a_rejected_file_is_told_and_the_run_goes_on(media):
    (media / "1.txt").write_bytes(b"no DICOM " * 30)
    (media / "2.dcm").write_bytes(instance(1))
    (media / "3.dcm").write_bytes(instance(2)[:-20])
    (media / "4.dcm").write_bytes(b"")
    (media / "5.dcm").write_bytes(instance(3))

    run = Import(media)

    assert run.summary == numbers(accepted=2, rejected=3)
    assert run.lines == [
        f"rejected: {media}/1.txt: the DICM prefix is missing (PS3.10 7.1)",
        f"rejected: {media}/3.dcm: a data element is longer than what holds it",
        f"rejected: {media}/4.dcm: the file is too short to be DICOM",
    ]
    assert sorted(QuarantinedInput.objects.values_list("reason", flat=True)) == [
        "a data element is longer than what holds it",
        "the DICM prefix is missing (PS3.10 7.1)",
        "the file is too short to be DICOM",
    ]


def test_the_summary_can_be_json(media):
    (media / "1").write_bytes(instance(1))
    (media / "2").write_bytes(b"x" * 200)

    assert json.loads(Import(media, json=True).summary) == {
        "accepted": 1, "already there": 0, "conflicting": 0, "rejected": 1,
    }  # fmt: skip


def test_links_inside_of_a_folder_are_not_followed(media):
    outside, folder = media / "outside", media / "folder"
    for place in (outside, folder):
        place.mkdir()
    (outside / "one").write_bytes(instance(1))
    (folder / "file").symlink_to(outside / "one")
    (folder / "folder").symlink_to(outside)
    (folder / "loop").symlink_to(folder)

    assert Import(folder).summary == numbers()


def test_a_link_that_is_named_is_followed(media):
    (media / "one").write_bytes(instance(1))
    (media / "link").symlink_to(media / "one")

    assert Import(media / "link").summary == numbers(accepted=1)


def test_a_dicomdir_is_skipped_and_what_is_no_file_too(media):
    (media / "DICOMDIR").write_bytes(b"lists others")
    os.mkfifo(media / "fifo")

    assert Import(media).summary == numbers()


@pytest.mark.parametrize(
    "name", ["missing", "missing/deeper", "x" * 5000, "fifo"],
    ids=["missing", "in a missing folder", "longer than a path may be", "neither file nor folder"],
)  # fmt: skip
def test_a_path_that_cannot_be_read_is_a_sentence_and_nothing_is_taken_in(media, name):
    os.mkfifo(media / "fifo")
    (media / "one").write_bytes(instance(1))

    with pytest.raises(CommandError, match=r"There is no file|File name too long"):
        Import(media / "one", media / name)

    assert Instance.objects.count() == 0


@pytest.fixture
def deep_media(media) -> Iterator[Path]:
    """A file more than a thousand folders below."""
    folder = os.open(media, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=folder)
        parent, folder = folder, os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(parent)
    with os.fdopen(os.open("one", os.O_CREAT | os.O_WRONLY, dir_fd=folder), "wb") as file:
        file.write(instance(1))
    os.close(folder)
    yield media
    subprocess.run(["rm", "-r", media], check=True)  # Python's own way recurses too deep


def test_a_thousand_folders_deep_is_not_too_deep(deep_media):
    assert Import(deep_media).summary == numbers(accepted=1)


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"\xff\xfe.dcm", "\ufffd\ufffd.dcm"), (b"a\x1b[31mb\n.dcm", "a\ufffd[31mb\ufffd.dcm")],
    ids=["bytes that are no text", "control characters"],
)  # fmt: skip
def test_a_name_that_no_terminal_should_see_is_told_without_it(media, name, shown):
    folder = os.fsencode(media)
    for content in (instance(1), b"no DICOM"):
        Path(os.fsdecode(folder + b"/" + content[-3:].hex().encode() + name)).write_bytes(content)

    run = Import(media)

    assert run.summary == numbers(accepted=1, rejected=1)
    assert shown in run.lines[0]
    assert StoredObject.objects.get().source_detail.endswith(shown)


def test_a_file_that_vanishes_meanwhile_is_rejected(media, monkeypatch):
    (media / "one").write_bytes(instance(1))
    (media / "two").write_bytes(instance(2))
    seen = candidates([media])

    def vanishing(_paths):
        for candidate in candidates([media]):
            if candidate.path.name == "one":
                candidate.path.unlink(missing_ok=True)
            yield candidate

    listed = iter([seen])
    command = "studies.management.commands.import_dicom.candidates"
    monkeypatch.setattr(command, lambda paths: next(listed, None) or vanishing(paths))

    run = Import(media)

    assert run.summary == numbers(accepted=1, rejected=1)
    assert reasons(run) == ["FileNotFoundError"]


def test_a_full_disk_ends_the_run_with_a_sentence(media):
    (media / "big").write_bytes(make_file(Rows=500, Columns=500, PixelData=bytes(500_000)))

    with (
        full_disk(100_000),
        pytest.raises(CommandError, match=r"gather input .* was not read"),
    ):
        Import(media)

    assert QuarantinedInput.objects.count() == 0


# --- Archives ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
    ids=["stored", "deflated", "bzip2", "lzma"],
)  # fmt: skip
def test_an_archive_is_unpacked(media, compression):
    path = archive(
        media / "study.zip", {"CT/1.dcm": instance(1), "CT/2.dcm": instance(2), "note": b"x"},
        compression=compression,
    )  # fmt: skip

    run = Import(path)

    assert run.summary == numbers(accepted=2, rejected=1)
    assert run.lines == [f"rejected: {path}!note: the file is too short to be DICOM"]
    assert sorted(StoredObject.objects.values_list("source_detail", flat=True)) == [
        f"{path}!CT/1.dcm", f"{path}!CT/2.dcm",
    ]  # fmt: skip


def test_an_archive_inside_of_an_archive_is_rejected_and_kept(media):
    inner = archive(media / "inner.zip", {"1.dcm": instance(1)})
    path = archive(media / "outer.zip", {"inner.zip": inner.read_bytes()})
    inner.unlink()

    run = Import(path)

    assert run.summary == numbers(rejected=1)
    assert "DICM prefix" in QuarantinedInput.objects.get().reason


def test_names_that_climb_out_are_names_only(media):
    names = ["../../out.dcm", "/etc/out.dcm", "a/../../../out.dcm", "C:\\out.dcm", "out\x00.dcm"]
    path = archive(media / "climb.zip", {name: instance(n) for n, name in enumerate(names)})
    before = {p for p in media.rglob("*") if "objects" not in p.parts}

    run = Import(path)

    assert run.summary == numbers(accepted=5)
    assert {p for p in media.rglob("*") if "objects" not in p.parts} == before
    assert not Path("/etc/out.dcm").exists()


def test_two_entries_of_one_name_are_both_read(media):
    path = media / "twice.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("1.dcm", instance(1))
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("1.dcm", instance(2))

    assert Import(path).summary == numbers(accepted=2)


def test_links_folders_and_dicomdir_of_an_archive_are_passed_over(media):
    path = archive(media / "links.zip", {"folder/": b"", "CD/DICOMDIR": b"lists others"})
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(link, "/etc/passwd")

    assert Import(path).summary == numbers()


def test_an_entry_that_inflates_a_thousandfold_is_rejected(media, object_store):
    path = archive(
        media / "bomb.zip", {"bomb": bytes(100 * 1024**2), "1.dcm": instance(1)},
        compression=zipfile.ZIP_DEFLATED, compresslevel=9,
    )  # fmt: skip

    run = Import(path)

    assert run.summary == numbers(accepted=1, rejected=1)
    assert reasons(run) == ["the archive's entry inflates beyond any honest size"]
    assert len([p for p in object_store.rglob("*") if p.is_file()]) == 1


def test_an_entry_larger_than_any_instance_is_rejected(media, settings):
    settings.PACS_MAX_INSTANCE_BYTES = 100_000
    path = archive(media / "large.zip", {"large": bytes(200_000)})

    assert reasons(Import(path)) == ["the archive's entry is larger than any instance may be"]


def test_an_entry_that_states_too_small_a_size_gains_nothing(media):
    path = archive(
        media / "lie.zip", {"bomb": bytes(100 * 1024**2)}, compression=zipfile.ZIP_DEFLATED
    )
    content = path.read_bytes().replace(struct.pack("<L", 100 * 1024**2), struct.pack("<L", 1000))
    path.write_bytes(content)

    tracemalloc.start()
    run = Import(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert reasons(run) == ["the archive's entry cannot be read (BadZipFile)"]
    assert most < 20 * 1024**2


def patched(path: Path, *, flags: int = 0, method: int | None = None) -> Path:
    """Set bits and the compression method in all headers of the archive."""
    content = bytearray(path.read_bytes())
    for signature, at_flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(signature)
        while start >= 0:
            content[start + at_flags] |= flags
            if method is not None:
                struct.pack_into("<H", content, start + at_flags + 2, method)
            start = content.find(signature, start + 4)
    path.write_bytes(bytes(content))
    return path


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"flags": 0x01}, "the archive's entry is encrypted", id="encrypted"),
        pytest.param(
            {"flags": 0x40}, "the archive's entry cannot be read (NotImplementedError)",
            id="strongly encrypted",
        ),
        pytest.param(
            {"method": 9}, "the archive's entry cannot be read (NotImplementedError)",
            id="Deflate64",
        ),
        pytest.param(
            {"method": 99}, "the archive's entry cannot be read (NotImplementedError)", id="AES"
        ),
        pytest.param(
            {"method": 8}, "the archive's entry cannot be read (error)", id="not deflated at all"
        ),
        pytest.param(
            {"method": 12}, "the archive's entry cannot be read (OSError)", id="no bzip2"
        ),
    ],
)  # fmt: skip
def test_an_entry_of_a_kind_that_cannot_be_read_is_rejected(media, changes, reason):
    path = patched(archive(media / "odd.zip", {"1.dcm": instance(1)}), **changes)

    run = Import(path)

    assert (run.summary, reasons(run)) == (numbers(rejected=1), [reason])


def test_no_lzma_is_rejected(media):
    path = archive(media / "odd.zip", {"1.dcm": instance(1)})
    with pytest.raises(lzma.LZMAError):
        lzma.decompress(b"x" * 100)

    assert Import(patched(path, method=14)).summary == numbers(rejected=1)


def test_an_archive_that_is_cut_is_rejected_as_a_file(media):
    path = archive(media / "cut.zip", {"1.dcm": instance(1), "2.dcm": instance(2)})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])

    assert Import(path).summary == numbers(rejected=1)


def test_an_archive_whose_directory_is_damaged_is_rejected_and_the_run_goes_on(media):
    damaged = archive(media / "a.zip", {"1.dcm": instance(1)})
    damaged.write_bytes(damaged.read_bytes().replace(b"PK\x01\x02", b"PK\x01\x09"))
    archive(media / "b.zip", {"1.dcm": instance(1)})

    assert Import(media).summary == numbers(accepted=1, rejected=1)


def test_a_part_10_file_that_is_also_an_archive_is_the_file(media):
    inner = archive(media / "inner.zip", {"2.dcm": instance(2)})
    both = media / "both.dcm"
    both.write_bytes(instance(1) + inner.read_bytes())
    inner.unlink()

    assert Import(both).summary == numbers(accepted=1)
    assert Instance.objects.get().sop_instance_uid == "1.2.3.1"


def test_an_archive_of_too_many_entries_is_rejected_whole_and_the_run_goes_on(media, monkeypatch):
    monkeypatch.setattr(importing, "MAX_ZIP_ENTRIES", 3)
    archive(media / "1.zip", {str(n): b"" for n in range(4)})
    archive(media / "2.zip", {"1.dcm": instance(1)})

    run = Import(media)

    assert (run.summary, reasons(run)) == (
        numbers(accepted=1, rejected=1), ["the archive has more than 3 entries"],
    )  # fmt: skip


def test_the_directory_of_an_archive_is_read_once_and_not_once_per_entry(media):
    path = archive(media / "many.zip", {f"{n:05}": b"x" for n in range(5000)})

    started = time.process_time()
    read = 0
    for candidate in candidates([path]):
        with candidate.open() as file:
            read += len(file.read())

    assert read == 5000
    assert time.process_time() - started < 5


def test_an_archive_is_closed_when_its_turn_is_over(media):
    for number in range(50):
        archive(media / f"{number}.zip", {"1.dcm": b"x"})
    opened = len(list(Path("/proc/self/fd").iterdir()))

    seen = list(candidates([media]))

    assert len(seen) == 50
    assert len(list(Path("/proc/self/fd").iterdir())) == opened


def test_every_damage_to_an_archive_ends_in_a_number_or_a_sentence(media):
    path = archive(
        media / "damaged.zip", {"1.dcm": instance(1), "ä/2.dcm": instance(2)},
        compression=zipfile.ZIP_DEFLATED,
    )  # fmt: skip
    content = path.read_bytes()
    chance = random.Random(3)
    ends = set()
    for _ in range(150):
        mutated = bytearray(content)
        for _ in range(chance.choice((1, 2, 8))):
            # The directory at the end is where an archive is read from first.
            place = (
                -1 - chance.randrange(300)
                if chance.random() < 0.7
                else chance.randrange(len(content))
            )
            mutated[place] = chance.choice((0, 1, 0xFF, chance.randrange(256)))
        path.write_bytes(bytes(mutated))
        ends.add(Import(path).summary)

    assert all(
        re.fullmatch(r"(\d accepted|\d already there|\d conflicting|\d rejected|, )+", e)
        for e in ends
    )
    assert len(ends) > 3


@hypothesis_settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    content=strategies.binary(max_size=300), prefix=strategies.sampled_from([b"", b"PK\x03\x04"])
)
def test_any_bytes_are_rejected_without_a_trace(media, content, prefix):
    end = b"PK\x05\x06" + bytes(18)
    (media / "any").write_bytes(prefix + content + end)

    assert Import(media / "any").summary in (numbers(rejected=1), numbers())


def test_the_labels_of_candidates_say_where_they_lie(media):
    path = archive(media / "a.zip", {"x/1.dcm": b"", "x/\u202e2.dcm": b""})

    assert [candidate.label for candidate in candidates([path])] == [
        f"{path}!x/1.dcm", f"{path}!x/\ufffd2.dcm",
    ]  # fmt: skip


def test_a_bomb_is_refused_before_anything_of_it_is_read(media, settings):
    settings.PACS_MAX_INSTANCE_BYTES = 10
    (candidate,) = candidates([archive(media / "a.zip", {"1": bytes(11)})])

    with candidate.open() as stream, pytest.raises(InvalidInstanceError, match="larger"):
        stream.read(1)


def test_an_entry_that_cannot_be_read_is_described_in_quarantine_once(media):
    path = patched(archive(media / "odd.zip", {"1.dcm": instance(1)}), flags=0x01)

    for _ in range(2):
        Import(path)

    held = QuarantinedInput.objects.get()
    assert held.reason == "the archive's entry is encrypted"
    assert held.source_detail == f"{path}!1.dcm"
    assert held.object_key is None


def test_what_was_only_described_hides_nothing_that_comes_later(media):
    archive(media / "1.zip", {"1.dcm": instance(1)})
    patched(media / "1.zip", flags=0x01)  # of which nothing is read
    (media / "2.dcm").write_bytes(b"")

    Import(media)

    assert QuarantinedInput.objects.filter(object_key__isnull=False).count() == 1
    assert QuarantinedInput.objects.count() == 2


def test_many_small_bombs_are_one_large_one(media, monkeypatch):
    monkeypatch.setattr(importing, "_SMALL_ARCHIVE", 10_000_000)
    path = archive(
        media / "bombs.zip", {str(n): bytes(1_000_000) for n in range(11)},
        compression=zipfile.ZIP_DEFLATED,
    )  # fmt: skip

    (media / "1.dcm").write_bytes(instance(1))

    run = Import(media)

    assert run.summary == numbers(accepted=1, rejected=1)
    assert reasons(run) == ["the archive inflates beyond any honest size"]
    assert QuarantinedInput.objects.get().source_detail == str(path)


def test_a_run_that_ends_early_says_what_it_took_in(media, monkeypatch):
    (media / "1").write_bytes(instance(1))
    (media / "2").write_bytes(instance(2))
    command = "studies.management.commands.import_dicom"
    result = store_instance(io.BytesIO(instance(1)), provenance=Provenance(Source.IMPORT))
    failing = Mock(side_effect=[result, OperationalError("DETAIL: Secret^Name")])
    monkeypatch.setattr(f"{command}.store_instance", failing)
    out = io.StringIO()

    with pytest.raises(CommandError) as failure:
        call_command("import_dicom", str(media), stdout=out)

    assert out.getvalue().strip() == numbers(accepted=1)
    assert str(failure.value) == "The database failed (OperationalError)."


def test_one_conflict_more_does_not_stop_the_run(media):
    (media / "1").write_bytes(instance(1))
    (media / "2").write_bytes(make_file(SOPInstanceUID="1.2.3.1", PatientID="MRN-2"))
    (media / "3").write_bytes(make_file(SOPInstanceUID="1.2.3.3", PatientID="MRN-2"))
    (media / "4").write_bytes(instance(4))

    run = Import(media)

    assert run.summary == numbers(accepted=2, conflicting=2)
    assert [line.split(": ")[0] for line in run.lines] == ["conflicting", "conflicting"]
    assert InstanceConflict.objects.count() == 2
