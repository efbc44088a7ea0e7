"""The servers under comparison: the portal, Orthanc with its plugins, and nginx as the limit."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from pacs_portal.db.embedded_server import EmbeddedServer

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DATABASE = "postgres"
_ORTHANC_PLUGINS = Path("/usr/share/orthanc/plugins")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if not found:
        raise SystemExit(
            f"{name} is missing: apt install orthanc orthanc-dicomweb orthanc-postgresql nginx"
        )
    return found


def _wait_for(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"A server did not start; its log is {log}.") from None
            time.sleep(0.1)


class Server:
    """A server process with a log of its own."""

    url = ""
    headers: dict[str, str] = {}

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def _start(self, command: list[str], environment: dict[str, str], ready: str) -> None:
        log = self.directory / "server.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, cwd=REPOSITORY, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        _wait_for(self._process, f"{self.url}{ready}", log)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=60)
            self._process = None


class Portal(Server):
    """As `make run` starts it: gunicorn with two workers, asked with an API token."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.database = EmbeddedServer(directory / "postgresql" / "data")

    @property
    def conninfo(self) -> str:
        return self.database.conninfo(DATABASE)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PACS_DEMONSTRATION": "true",
            "PACS_VAR_DIR": str(self.directory),
            "DATABASE_URL": self.database.database_url(DATABASE),
            "DJANGO_SETTINGS_MODULE": "pacs_portal.settings",
            "WEB_CONCURRENCY": "2",
            "OPENBLAS_NUM_THREADS": "1",
        }

    def manage(self, *arguments: str) -> str:
        """Standard output of a management command; what it complains of is shown."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=REPOSITORY, env=self.environment, stdout=subprocess.PIPE, check=True
        )
        return done.stdout.decode()

    def prepare(self, studies: int) -> None:
        self.database.start()
        self.manage("migrate", "--verbosity", "0")
        self.manage("collectstatic", "--noinput", "--verbosity", "0")
        self.manage("seed", "--if-empty", "--noinput", "--studies", str(studies))

    def start(self) -> None:
        self.manage("create_demo_users")
        token = self.manage("create_api_token", "technologist", "--name", "benchmark")
        self.headers = {"Authorization": f"Bearer {token.strip()}"}
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [
            sys.executable, "-m", "gunicorn", "--config", "python:pacs_portal.gunicorn",
            "--bind", f"127.0.0.1:{port}", "pacs_portal.wsgi",
        ]  # fmt: skip
        self._start(command, self.environment, "/readyz")


class Orthanc(Server):
    """With its defaults: files in a directory, the index in a PostgreSQL set up as the portal's."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.database = EmbeddedServer(directory / "postgresql" / "data")
        self.storage = directory / "storage"

    @property
    def conninfo(self) -> str:
        return self.database.conninfo(DATABASE)

    def start(self) -> None:
        self.directory.mkdir(exist_ok=True)
        self.database.start()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        configuration = {
            "Name": "peer",
            "StorageDirectory": str(self.storage),
            "IndexDirectory": str(self.storage),
            "HttpPort": port,
            "DicomServerEnabled": False,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "Plugins": [
                str(_ORTHANC_PLUGINS / "libOrthancDicomWeb.so"),
                str(_ORTHANC_PLUGINS / "libOrthancPostgreSQLIndex.so"),
            ],
            "DicomWeb": {"Enable": True},
            "PostgreSQL": {
                "EnableIndex": True,
                "EnableStorage": False,
                "Host": str(self.database.socket_directory),
                "Database": DATABASE,
                "Username": "postgres",
                "Password": "",
            },
        }
        path = self.directory / "orthanc.json"
        path.write_text(json.dumps(configuration, indent=2))
        self._start([_program("Orthanc"), str(path)], dict(os.environ), "/system")


class Nginx(Server):
    """Files by sendfile, nothing else: what the machine and its network stack can do."""

    @property
    def root(self) -> Path:
        return self.directory / "www"

    def start(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        path = self.directory / "nginx.conf"
        path.write_text(
            f"""daemon off; worker_processes 2; pid {self.directory}/nginx.pid; {_as_root()}
error_log {self.directory}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  client_body_temp_path {self.directory}/body; proxy_temp_path {self.directory}/proxy;
  fastcgi_temp_path {self.directory}/fastcgi; uwsgi_temp_path {self.directory}/uwsgi;
  scgi_temp_path {self.directory}/scgi;
  server {{ listen 127.0.0.1:{port}; root {self.root}; }}
}}
"""
        )
        (self.root / "ready").touch()
        self._start([_program("nginx"), "-c", str(path)], dict(os.environ), "/ready")


def _as_root() -> str:
    """Workers read what the benchmark wrote, whoever runs it."""
    return "user root;" if os.geteuid() == 0 else ""
