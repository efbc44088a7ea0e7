"""What all tests share: a store of their own, people of every role, and what may be skipped."""

import itertools
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from django.test import Client
from pytest_django.plugin import blocking_manager_key

SKIPS_ARE_ALLOWED = os.environ.get("PACS_ALLOW_SKIPS", "yes") != "no"
ORTHANC_DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
# Test marker → programs it needs and the Debian packages that bring them.
NEEDS = {
    "browser": ({"chromium"}, "chromium"),
    "redis": ({"redis-server"}, "redis-server"),
    "peer": (
        {"dcmdump", "Orthanc", ORTHANC_DICOMWEB, "pgbouncer", "strace", "nginx"},
        "dcmtk orthanc orthanc-dicomweb pgbouncer strace nginx",
    ),
}


# Modules that take long, as they are handed out: what is long and last keeps one core waiting.
# While the first that needs the portal makes it, the other core has something else to do.
LONG = (
    "test_phantoms", "test_browser", "test_parse", "test_viewer_", "test_dicomweb_clients",
    "test_embedded_postgres", "test_query_plans", "test_ingest", "test_transcode", "test_wado",
    "test_sandbox", "test_admin", "test_qido", "test_seed",
)  # fmt: skip


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_turn)
    if os.geteuid() != 0:
        items[:] = [item for item in items if not item.get_closest_marker("root")]
    _skip_what_is_missing(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not SKIPS_ARE_ALLOWED and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"skipped: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    """A transactional test leaves all tables empty, of roles too: others need them back.

    After the last one there are no others, and the database of the tests is gone already.
    """
    yield
    if nextitem is not None and _is_transactional(item):
        with item.config.stash[blocking_manager_key].unblock():
            connection.creation.deserialize_db_from_string(connection._test_serialized_contents)  # noqa: SLF001
        ContentType.objects.clear_cache()


@pytest.fixture(scope="session", autouse=True)
def _flush_in_spite_of_triggers() -> Iterator[None]:
    """The audit trail refuses to be emptied, as a transactional test does with all tables."""
    sql_flush = DatabaseOperations.sql_flush

    def without_triggers(*args: Any, **kwargs: Any) -> list[str]:
        return ["SET LOCAL session_replication_role = replica", *sql_flush(*args, **kwargs)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", without_triggers)
        yield


def _is_transactional(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    fixtures = getattr(item, "fixturenames", ())
    return bool(marker and marker.kwargs.get("transaction")) or "live_server" in fixtures


def _turn(item: pytest.Item) -> int:
    names = (turn for turn, name in enumerate(LONG) if item.path.name.startswith(name))
    return next(names, len(LONG))


def _missing() -> dict[str, str]:
    """Marker of the tests that cannot run here → why, and how to change it."""
    if not SKIPS_ARE_ALLOWED:
        return {}
    path = f"{os.environ['PATH']}:/usr/sbin"
    reasons = {}
    for marker, (programs, packages) in NEEDS.items():
        if absent := sorted(
            p for p in programs if not (shutil.which(p, path=path) or Path(p).is_file())
        ):
            reasons[marker] = f"{', '.join(absent)} not installed: apt install {packages}"
    return reasons


def _skip_what_is_missing(items: list[pytest.Item]) -> None:
    for marker, reason in _missing().items():
        for item in items:
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each kind of tests that was skipped, instead of one for each test."""
    for marker, reason in _missing().items():
        terminalreporter.write_line(f"Skipped the {marker} tests; {reason}", yellow=True)


@pytest.fixture(scope="session")
def run_directory(tmp_path_factory) -> Path:
    """One for all processes of this run of the tests."""
    base: Path = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def phantoms() -> Path:
    """Where the instances of all phantoms lie."""
    from studies.tests.drawn import directory_of_drawings, draw_all  # noqa: PLC0415

    directory = directory_of_drawings()
    draw_all(directory)
    return directory


@pytest.fixture(scope="session")
def object_stores(tmp_path_factory) -> Iterator[Path]:
    """Directories without end, of which none is made before something is put there."""
    directory = tmp_path_factory.mktemp("object-stores")
    return (directory / str(number) for number in itertools.count(1))


@pytest.fixture(autouse=True)
def object_store(settings, object_stores, monkeypatch) -> Path:
    """A directory of its own for the objects of each test, which need not survive a power cut."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    root = next(object_stores)
    settings.OBJECT_STORE_URL = f"file://{root}"
    return root


@pytest.fixture
def sign_in(db) -> Callable[..., Client]:
    """A client signed in with a role, or with none.

    Clinicians see the sites that they are given, which is none unless they are to see every study.
    """

    def sign_in(role: str | None = "radiologist", *, sees_every_study: bool = False) -> Client:
        user = get_user_model().objects.create_user(
            username=f"{role or 'nobody'}-1", password="a password for tests"
        )
        if role:
            user.groups.add(Group.objects.get(name=role))
        if sees_every_study:
            user.user_permissions.add(Permission.objects.get(codename="view_every_study"))
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def client(sign_in) -> Client:
    """A radiologist's."""
    return sign_in("radiologist")


@pytest.fixture
def django_client() -> Client:
    """A stranger's: not signed in."""
    return Client()


@pytest.fixture
def acts() -> Iterator[list[Any]]:
    """What is told meanwhile of who did what, see `accounts.acts`."""
    from accounts.acts import acted  # noqa: PLC0415

    told: list[Any] = []

    def tell(sender: object, act: object, **_: object) -> None:
        told.append(act)

    acted.connect(tell)
    yield told
    acted.disconnect(tell)


@pytest.fixture
def store(db) -> Callable[..., object]:
    """Put a file through the one way in."""
    import io  # noqa: PLC0415

    from studies.ingest import Provenance, StoreResult, store_instance  # noqa: PLC0415
    from studies.models import Source  # noqa: PLC0415

    def store(content: bytes | BinaryIO) -> StoreResult:
        stream = io.BytesIO(content) if isinstance(content, bytes) else content
        return store_instance(stream, provenance=Provenance(Source.IMPORT, "test"))

    return store
