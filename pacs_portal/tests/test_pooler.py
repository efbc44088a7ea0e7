"""The portal behind a pooler in transaction mode: what it must not rely on, it does not use."""

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings

from pacs_portal.db.embedded_server import EmbeddedServer
from pacs_portal.tests.running_portal import free_port, wait_for
from studies.tests.builders import SAMPLES

pytestmark = [pytest.mark.peer, pytest.mark.timeout(120)]

# Eight people at four server connections: every transaction may meet another connection.
MANY_AT_ONCE = """
    import io
    from concurrent.futures import ThreadPoolExecutor
    import django
    django.setup()
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Group
    from django.db import connection
    from django.test import Client
    from studies.ingest import Provenance, store_instance
    from studies.models import Source, Study
    from studies.tests.builders import make_file

    user = get_user_model().objects.create_user("reader")
    user.groups.add(Group.objects.get(name="radiologist"))

    def work(number):
        client = Client(headers={"host": "localhost"})
        client.force_login(user)
        try:
            for series in range(5):
                content = make_file(
                    SOPInstanceUID=f"1.{number}.{series}", SeriesInstanceUID=f"1.2.{series}"
                )
                store_instance(io.BytesIO(content), provenance=Provenance(Source.IMPORT))
                for path in ("/", "/studies/1.2.3/", "/dicom-web/studies/1.2.3/metadata"):
                    assert client.get(path).status_code == 200, path
                assert len(list(Study.objects.iterator(chunk_size=1))) >= 1
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    study = Study.objects.get(study_instance_uid="1.2.3")
    print(study.number_of_study_related_series, study.number_of_study_related_instances)
"""


@pytest.fixture
def pooled_url(tmp_path) -> Iterator[dict[str, str]]:
    """URLs of a database, directly and through PgBouncer with four server connections."""
    server = EmbeddedServer(tmp_path / "data")
    server.start()
    port = free_port()
    pooler = _start_pgbouncer(tmp_path, server, port)
    url = f"postgres://postgres@127.0.0.1:{port}/postgres"
    try:
        wait_for(lambda: _answers(url))
        yield {"direct": server.database_url("postgres"), "pooled": url}
    finally:
        pooler.terminate()
        pooler.wait(timeout=10)
        server.stop(force=True)


def _place_of(server: EmbeddedServer, *keys: str) -> str:
    target = psycopg.conninfo.conninfo_to_dict(server.conninfo("postgres"))
    return " ".join(f"{key}={target[key]}" for key in keys if key in target)


def _start_pgbouncer(tmp_path, server: EmbeddedServer, port: int) -> subprocess.Popen[bytes]:
    (tmp_path / "pgbouncer.ini").write_text(
        textwrap.dedent(
            f"""
            [databases]
            postgres = {_place_of(server, "host", "port", "user", "dbname")}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            default_pool_size = 4
            """
        )
    )
    return _run_pgbouncer(tmp_path)


def _run_pgbouncer(tmp_path) -> subprocess.Popen[bytes]:
    # PgBouncer refuses to run as root, as PostgreSQL does.
    namespace = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    command = [*(namespace if os.geteuid() == 0 else []), program, str(tmp_path / "pgbouncer.ini")]
    with (tmp_path / "pgbouncer.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def _run(tmp_path, url: str, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=90, check=False,
        env={
            "PATH": os.environ["PATH"], "PACS_DEMONSTRATION": "true", "PACS_VAR_DIR": str(tmp_path),
            "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "pacs_portal.settings_test",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_eight_people_share_four_connections_without_a_mistake(pooled_url, tmp_path):
    _run(tmp_path, pooled_url["direct"], "manage.py", "migrate", "--verbosity", "0")

    counts = _run(tmp_path, pooled_url["pooled"], "-c", textwrap.dedent(MANY_AT_ONCE))

    assert counts.strip() == "5 40"


def test_a_command_imports_through_the_pooler(pooled_url, tmp_path):
    _run(tmp_path, pooled_url["direct"], "manage.py", "migrate", "--verbosity", "0")

    said = _run(
        tmp_path, pooled_url["pooled"], "manage.py", "import_dicom",
        str(SAMPLES / "test_files" / "CT_small.dcm"),
    )  # fmt: skip

    assert said.startswith("1 accepted")


def test_pgbouncer_takes_the_configuration_of_the_cluster_and_lets_in_who_knows_the_password(
    tmp_path,
):
    server = EmbeddedServer(tmp_path / "data")
    server.start()
    port = free_port()
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as administrator:
        administrator.execute("CREATE ROLE pacs_1 LOGIN")
    (tmp_path / "users.txt").write_text('"pacs_1" "password-of-tests"\n')
    text = (settings.BASE_DIR / "k8s/components/pgbouncer/pgbouncer.ini").read_text()
    for theirs, here in (
        (
            "host=127.0.0.1 port=5432 dbname=pacs",
            f"{_place_of(server, 'host', 'port')} dbname=postgres",
        ),
        ("listen_addr = 0.0.0.0", "listen_addr = 127.0.0.1"),
        ("listen_port = 6432", f"listen_port = {port}"),
        ("/run/secrets/pgbouncer", str(tmp_path)),
    ):
        assert theirs in text
        text = text.replace(theirs, here)
    (tmp_path / "pgbouncer.ini").write_text(text)
    pooler = _run_pgbouncer(tmp_path)
    url = f"postgres://pacs_1:password-of-tests@127.0.0.1:{port}/pacs"
    try:
        wait_for(lambda: _answers(url))
        with psycopg.connect(url) as portal:
            assert portal.execute("SELECT current_user").fetchone() == ("pacs_1",)
        assert not _answers(url.replace("password-of", "another"))
        assert "WARNING unknown" not in (tmp_path / "pgbouncer.log").read_text()
    finally:
        pooler.terminate()
        pooler.wait(timeout=10)
        server.stop(force=True)
