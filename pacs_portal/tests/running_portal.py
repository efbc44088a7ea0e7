"""A real portal for tests that need one: own database, gunicorn, people, a few studies."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import requests
from django.conf import settings

from pacs_portal.db.embedded_server import EmbeddedServer
from studies.dicom.multipart import write_parts

DATABASE = "postgres"
MAKE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", "--verbosity", "0")
call_command("collectstatic", "--noinput", "--verbosity", "0")
call_command("create_demo_users")
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(question, *, seconds: float = 60) -> None:
    """Ask until the answer is true."""
    deadline = time.monotonic() + seconds
    while not question():
        if time.monotonic() > deadline:
            raise TimeoutError(question)
        time.sleep(0.1)


class RunningPortal:
    """Made and started as `make run` does it, but with a database that a test may stop."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database = EmbeddedServer(directory / "postgresql" / "data")
        self.url = ""
        self.passwords: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self._gunicorn: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PACS_DEMONSTRATION": "true",
            "PACS_VAR_DIR": str(self.directory),
            "DATABASE_URL": self.database.database_url(DATABASE),
            "DJANGO_SETTINGS_MODULE": "pacs_portal.settings",
            "OPENBLAS_NUM_THREADS": "1",
            # Tests ask faster than any person, and all from one address.
            "PACS_RATE_LIMITS": "page=0/60,dicomweb=0/60,api=0/60,upload=0/60,login_address=0/60",
        }

    def manage(self, *arguments: str) -> str:
        """Standard output of a management command that must succeed."""
        return self.run("manage.py", *arguments)

    def run(self, *arguments: str) -> str:
        """The same of any Python."""
        done = subprocess.run(
            [sys.executable, *arguments], cwd=settings.BASE_DIR, env=self.environment, capture_output=True, text=True,
            timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def store(self, directory: Path) -> None:
        """Send the files of a directory as a modality does, which starts no program."""
        files = sorted(directory.glob("*.dcm"))
        parts = write_parts("b", [("application/dicom", [file.read_bytes()]) for file in files])
        answer = requests.post(
            f"{self.url}/dicom-web/studies",
            data=b"".join(parts),
            headers={
                "Authorization": f"Bearer {self.tokens['technologist']}",
                "Content-Type": 'multipart/related; type="application/dicom"; boundary=b',
            },
            timeout=60,
        )
        assert answer.status_code == 200, answer.text

    def make(self) -> None:
        """A database with people, and static files; nothing is served yet."""
        self.database.start()
        table = self.run("-c", MAKE)  # one program, for each has to load Django
        # Two or more spaces separate role, user name and password.
        rows = re.findall(r"^\S.*?\s{2,}(\S+)\s+(\S+)$", table, re.MULTILINE)
        (self.directory / "passwords.json").write_text(json.dumps(dict(rows)))

    def copy(self, directory: Path) -> "RunningPortal":
        """Another with the same people and studies; this one must be stopped."""
        for path in self.directory.iterdir():
            # Files of these are replaced or deleted, and never changed.
            is_shared = path.name in ("objects", "static")
            subprocess.run(["cp", "-al" if is_shared else "-a", path, directory], check=True)
        return RunningPortal(directory)

    def start(self) -> None:
        passwords = self.directory / "passwords.json"
        if not passwords.exists():
            self.make()
        self.database.start()
        self.passwords = json.loads(passwords.read_text())
        if (tokens := self.directory / "tokens.json").exists():
            self.tokens = json.loads(tokens.read_text())
        self._start_gunicorn()

    def _start_gunicorn(self) -> None:
        port = free_port()
        self.url = f"http://localhost:{port}"
        command = [
            sys.executable, "-m", "gunicorn", "--config", "python:pacs_portal.gunicorn",
            "--bind", f"127.0.0.1:{port}", "pacs_portal.wsgi",
        ]  # fmt: skip
        with (self.directory / "gunicorn.log").open("wb") as log:
            self._gunicorn = subprocess.Popen(
                command, cwd=settings.BASE_DIR, env=self.environment, stdout=log,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        wait_for(self._is_ready)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    @property
    def pid(self) -> int:
        """Of gunicorn, whose children serve."""
        assert self._gunicorn
        return self._gunicorn.pid

    def stop(self) -> None:
        if self._gunicorn:
            self._gunicorn.terminate()
            self._gunicorn.wait(timeout=30)
        self.database.stop(force=True)
