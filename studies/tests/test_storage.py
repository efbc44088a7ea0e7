"""The object store: durable when it says so, empty-handed when it fails; local and S3 alike."""

import os
import re
import socket
import stat
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path

import obstore
import pytest
from django.conf import settings as django_settings
from moto.server import ThreadedMotoServer

from studies import storage
from studies.errors import StorageError
from studies.models import Instance, StoredObject, Study
from studies.retrieve import retrieve_instance
from studies.tests.builders import make_file
from studies.tests.samples import full_disk

BUCKET = "s3://objects-of-tests"


@pytest.fixture(scope="module")
def s3_server():
    """An S3 server on this machine, and the environment in which a client finds it."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        make_bucket(host, port)
        storage._store_at.cache_clear()
        yield server
    storage._store_at.cache_clear()
    server.stop()


def make_bucket(host: str, port: int) -> None:
    from urllib.request import Request, urlopen  # noqa: PLC0415

    url = f"http://{host}:{port}/{BUCKET.removeprefix('s3://')}"
    with urlopen(Request(url, method="PUT")) as answer:
        assert answer.status == 200


@pytest.fixture(params=["local", "s3"])
def any_store(request, settings, tmp_path) -> str:
    """Each kind of store in turn."""
    if request.param == "s3":
        request.getfixturevalue("s3_server")
        settings.OBJECT_STORE_URL = BUCKET
    return request.param


def put(content: bytes, kind: str = "instances") -> str:
    key = storage.new_key(kind)
    storage.put_bytes(key, content)
    return key


def files_below(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


# --- What every store does -----------------------------------------------------------------------


def test_what_is_put_is_read(any_store):
    content = os.urandom(10_000)

    key = put(content)

    assert storage.size(key) == 10_000
    assert storage.read(key, 0, 10_000) == content
    assert storage.read(key, 100, 130) == content[100:130]
    assert storage.read(key, 9_999, 10_000) == content[-1:]


def test_a_stream_comes_in_pieces_of_bounded_size(any_store):
    content = os.urandom(2 * storage.CHUNK_BYTES + 5)

    pieces = list(storage.stream(put(content), 3, len(content)))

    assert [len(piece) for piece in pieces] == [storage.CHUNK_BYTES, storage.CHUNK_BYTES, 2]
    assert b"".join(pieces) == content[3:]


def test_nothing_is_read_of_nothing(any_store):
    key = put(b"abc")

    assert storage.read(key, 1, 1) == b""
    assert list(storage.stream(key, 3, 3)) == []


@pytest.mark.parametrize(("start", "end"), [(0, 4), (2, 9), (3, 5), (50, 60)])
def test_a_read_beyond_the_end_is_an_error(any_store, start, end):
    key = put(b"abc")

    with pytest.raises(StorageError):
        storage.read(key, start, end)


def test_what_is_deleted_is_gone(any_store):
    key = put(b"abc")

    storage.delete(key)

    with pytest.raises(StorageError, match=r"could not find \(\w+\)"):
        storage.size(key)
    with pytest.raises(StorageError, match=r"could not read \(\w+\)"):
        storage.read(key, 0, 3)


def test_deleting_what_is_not_there_is_no_error(any_store):
    storage.delete(storage.new_key("instances"))


def test_the_spooled_file_is_gone_after_it_was_put(any_store):
    with storage.spooled() as file:
        file.write(b"abc")
        name = Path(file.name)
        storage.put(storage.new_key("instances"), file)

    assert not name.exists()


def test_the_spooled_file_is_gone_after_an_error(any_store):
    with suppress(RuntimeError), storage.spooled() as file:
        file.write(b"abc")
        raise RuntimeError

    assert not Path(file.name).exists()


@pytest.mark.django_db
def test_an_instance_goes_in_comes_back_and_is_deleted(any_store, store):
    content = make_file()

    store(content)
    received = b"".join(retrieve_instance(Instance.objects.get()))
    storage.delete(StoredObject.objects.get().object_key)

    assert received == content
    with pytest.raises(StorageError):
        list(retrieve_instance(Instance.objects.get()))


def test_a_key_tells_nothing_and_is_never_the_same():
    keys = {storage.new_key("instances") for _ in range(1000)}

    assert len(keys) == 1000
    assert all(re.fullmatch(r"instances/(\w\w)/(\w\w)/\1\2[0-9a-f]{28}", key) for key in keys)


@pytest.mark.django_db
def test_no_name_in_the_store_comes_from_the_file(store, object_store):
    store(make_file(SOPInstanceUID="1.2.3.777", PatientID="MRN-777"))

    (path,) = files_below(object_store)
    assert re.fullmatch(
        r"instances/\w\w/\w\w/[0-9a-f]{32}", path.relative_to(object_store).as_posix()
    )


# --- S3 ------------------------------------------------------------------------------------------


def test_an_unreachable_server_is_a_storage_error(monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    remote = storage.RemoteStore("memory:///")
    remote._store = obstore.store.S3Store(
        "unreachable", endpoint=f"http://127.0.0.1:{port}", access_key_id="a",
        secret_access_key="b", region="us-east-1", client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )  # fmt: skip
    monkeypatch.setattr(storage, "_store", lambda: remote)

    with pytest.raises(StorageError, match="could not write"):
        put(b"abc")


def test_a_bucket_that_is_missing_is_a_storage_error(s3_server, settings):
    settings.OBJECT_STORE_URL = "s3://no-such-bucket"

    with pytest.raises(StorageError, match="could not write"):
        put(b"abc")


def test_an_address_of_no_known_kind_is_a_storage_error(settings):
    settings.OBJECT_STORE_URL = "gopher://somewhere"

    with pytest.raises(StorageError):
        put(b"abc")


# --- A directory ---------------------------------------------------------------------------------

PUT_ONE = """
    import os, django
    django.setup()
    from studies import storage
    os.umask(0)
    storage.put_bytes("instances/ab/cd/abcd", b"x" * 100_000)
"""


def put_in_a_process(root: Path, *prefix: str) -> None:
    subprocess.run(
        [*prefix, sys.executable, "-c", textwrap.dedent(PUT_ONE)],
        check=True, cwd=django_settings.BASE_DIR, capture_output=True, timeout=60,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "pacs_portal.settings",
             "OBJECT_STORE_URL": f"file://{root}", "DJANGO_SECRET_KEY": "x" * 60,
             "PACS_DEMONSTRATION": "true"},
    )  # fmt: skip


def calls_of_the_kernel(trace: str, root: Path) -> list[str]:
    """fsync, rename and the acknowledgement of directories, with paths relative to the root."""
    told = []
    for line in trace.splitlines():
        match = re.search(r"\b(fsync|fdatasync|rename\w*|mkdir\w*)\((.*)\) += 0", line)
        if match and str(root) in line:
            paths = re.findall(rf"{re.escape(str(root))}[^\s\">]*", line)
            names = [
                re.sub(r"\w+\.part", "*.part", p.removeprefix(str(root)) or "/") for p in paths
            ]
            told.append(" ".join([match[1].rstrip("at2"), *names]))
    return told


@pytest.mark.peer
def test_the_kernel_is_asked_for_file_then_name_then_directory(tmp_path):
    trace = tmp_path / "trace"
    root = tmp_path / "new" / "store"

    put_in_a_process(
        root, "strace", "-f", "-y", "-e", "trace=fsync,fdatasync,/rename,/mkdir", "-o", str(trace)
    )

    told = calls_of_the_kernel(trace.read_text(), root)
    assert told[told.index("mkdir /instances") :] == [
        "mkdir /instances", "fsync /",
        "mkdir /instances/ab", "fsync /instances",
        "mkdir /instances/ab/cd", "fsync /instances/ab",
        "fsync /incoming/*.part",
        "rename /incoming/*.part /instances/ab/cd/abcd",
        "fsync /instances/ab/cd",
    ]  # fmt: skip
    assert f"fsync({root.parent})" in re.sub(r"\d+<(.*?)>", r"\1", trace.read_text())


def test_file_then_name_then_directory_become_durable(object_store, monkeypatch):
    told = []
    put(b"abc")
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        told.append(
            "fsync " + ("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        )
        fsync(descriptor)

    def noted_replace(path: Path, target: Path) -> Path:
        told.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    put(b"abc", "thumbnails")

    # One directory for the kind and two below it, then the object itself.
    assert told == ["fsync directory"] * 3 + ["fsync file", "rename", "fsync directory"]


def test_directories_are_made_durable_once(object_store, monkeypatch):
    key = put(b"abc")
    synced = []
    monkeypatch.setattr(storage, "_fsync_directory", synced.append)

    storage.put_bytes(key + "-2", b"abc")

    assert synced == [(object_store / key).parent]


def test_a_store_below_folders_that_are_new_is_durable_from_the_first_of_them(
    tmp_path, settings, monkeypatch
):
    settings.OBJECT_STORE_URL = f"file://{tmp_path}/new/newer/store"
    synced = []
    monkeypatch.setattr(storage, "_fsync_directory", synced.append)

    put(b"abc")

    assert synced[:3] == [tmp_path, tmp_path / "new", tmp_path / "new" / "newer"]


def test_what_a_killed_process_gathered_is_removed_after_a_day(object_store):
    incoming = object_store / "incoming"
    incoming.mkdir(parents=True)
    old, new = incoming / "old.part", incoming / "new.part"
    for path in (old, new):
        path.write_bytes(b"half a file")
    os.utime(old, (0, 0))

    put(b"abc")

    assert (old.exists(), new.exists()) == (False, True)


def test_only_the_owner_may_look_into_the_store(tmp_path):
    put_in_a_process(tmp_path / "store")

    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "store").rglob("*")}
    assert modes == {0o700, 0o600}
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700
    (file,) = files_below(tmp_path / "store")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("size", [1_000, 100_000, 5_000_000])
def test_a_full_disk_is_a_storage_error_and_leaves_nothing(object_store, size):
    with full_disk(500), pytest.raises(StorageError):
        put(bytes(size))

    assert files_below(object_store) == []


@pytest.mark.django_db
def test_a_full_disk_refuses_no_instance_for_good(object_store, store):
    """The sender may try again: it was not the file's fault."""
    content = make_file(Rows=1000, Columns=1000, PixelData=bytes(2_000_000))

    with full_disk(100_000), pytest.raises(StorageError, match="gather input"):
        store(content)

    assert (Study.objects.count(), files_below(object_store)) == (0, [])
    assert store(content).outcome == "stored"


@pytest.mark.parametrize("failing", ["fsync of the file", "rename", "fsync of the directory"])
def test_a_disk_error_is_a_storage_error_and_leaves_nothing(object_store, monkeypatch, failing):
    put(b"abc")
    before = files_below(object_store)

    def refuse(*_):
        raise OSError(5, "Input/output error")

    key = storage.new_key("instances")
    (object_store / key).parent.mkdir(parents=True)
    if failing == "fsync of the file":
        monkeypatch.setattr(os, "fsync", refuse)
    elif failing == "rename":
        monkeypatch.setattr(Path, "replace", refuse)
    else:
        storage._store()._durable_directories.add((object_store / key).parent)
        monkeypatch.setattr(storage, "_fsync_directory", refuse)

    with pytest.raises(StorageError, match=r"could not write \(OSError\)"):
        storage.put_bytes(key, b"abc")

    assert files_below(object_store) == before


def test_a_store_that_cannot_be_made_is_a_storage_error(settings):
    settings.OBJECT_STORE_URL = "file:///proc/no-such-place"

    with pytest.raises(StorageError, match="gather input"):
        put(b"abc")


def test_an_object_that_lost_its_end_is_noticed(object_store):
    key = put(b"abcdef")
    os.truncate(object_store / key, 4)

    with pytest.raises(StorageError, match="shorter than the index says"):
        storage.read(key, 0, 6)


def test_what_the_system_reads_in_several_steps_is_whole(object_store, monkeypatch):
    """It reads less than 2 GiB at once."""
    key, read = put(b"abcdefgh"), os.pread
    monkeypatch.setattr(os, "pread", lambda file, count, at: read(file, min(count, 3), at))

    assert storage.read(key, 1, 8) == b"bcdefgh"


def test_a_root_with_strange_letters_is_found(settings, tmp_path):
    settings.OBJECT_STORE_URL = f"file://{tmp_path}/Bilder%20%C3%A4"

    put(b"abc")

    assert len(files_below(tmp_path / "Bilder ä")) == 1
