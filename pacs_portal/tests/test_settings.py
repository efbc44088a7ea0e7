"""Configuration comes from the environment, and a wrong one is refused in words."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PRODUCTION = {
    "SECRET_KEY": "k" * 30 + "abcdefghijklmnopqrstuvwxyz0123456789",
    "ALLOWED_HOSTS": "pacs.example.org",
    "DATABASE_URL": "postgres://pacs:pacs@localhost/pacs",
}
# Read elsewhere than in settings.py, each by the program that it configures.
READ_ELSEWHERE = {
    "PACS_PG_BIN", "PORT", "WEB_CONCURRENCY", "STUDIES", "GRAFANA_PASSWORD",
    "PROJECT_ID", "REGION", "CLUSTER", "PUBLIC_HOST", "BUCKET", "SQL_INSTANCE",
}  # fmt: skip


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A management command in a production environment of these variables only."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], "PACS_DEMONSTRATION": "false", "DATABASE_URL": "",
             "LOG_LEVEL": "ERROR", **environment},
    )  # fmt: skip


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS"])
def test_production_does_not_start_without_what_it_needs_and_says_what(missing):
    environment = {k: v for k, v in PRODUCTION.items() if k != missing}

    result = manage("check", **environment)

    assert result.returncode != 0
    assert f"{missing} is not set. Set it to" in result.stderr.strip().split("\n")[-1]


def test_a_secret_may_be_mounted_as_a_file(tmp_path):
    (tmp_path / "key").write_text(PRODUCTION["SECRET_KEY"])
    environment = {k: v for k, v in PRODUCTION.items() if k != "SECRET_KEY"}

    result = manage("check", SECRET_KEY_FILE=str(tmp_path / "key"), **environment)

    assert result.returncode == 0, result.stderr


def test_the_deployment_checks_find_nothing_in_a_production_configuration():
    result = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

    assert result.returncode == 0, result.stderr


def test_a_copy_of_the_example_with_only_what_is_required_is_as_safe_as_no_file_at_all():
    example = (ROOT / ".env.example").read_text()
    copied = dict(re.findall(r"^([A-Z_]+)=(.*)$", example, re.MULTILINE)) | PRODUCTION

    result = manage("check", "--deploy", "--fail-level", "WARNING", **copied)

    assert result.returncode == 0, result.stderr


def test_demonstration_users_are_never_made_in_production():
    result = manage("create_demo_users", **PRODUCTION)

    assert result.returncode == 1
    assert "Traceback" not in result.stderr


def test_the_example_names_every_variable_that_is_read_and_no_other():
    source = (ROOT / "pacs_portal" / "settings.py").read_text()
    read = set(re.findall(r'env(?:\.\w+)?\(\s*"([A-Z_]+)"', source))
    example = (ROOT / ".env.example").read_text()

    named = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))

    assert named == read | READ_ELSEWHERE


def test_a_demonstration_keeps_the_key_that_its_first_process_made(tmp_path):
    environment = {"PACS_DEMONSTRATION": "true", "PACS_VAR_DIR": str(tmp_path)}
    read = ("shell", "-c", "from django.conf import settings; print(settings.SECRET_KEY)")

    first, second = (manage(*read, **environment).stdout for _ in range(2))

    assert len(first.strip()) >= 50
    assert second == first
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_the_access_log_holds_no_query_string():
    from pacs_portal import gunicorn  # noqa: PLC0415

    assert not re.search(r"%\((q|r|f|a)\)s", gunicorn.access_log_format)
