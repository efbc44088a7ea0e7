"""The runbooks of docs/operations/: what can be run is run, and what they name exists."""

import re
import subprocess
import sys

import pytest
import yaml
from django.core.management import get_commands

from pacs_portal.tests.manifests import ROOT, VALUES, of_kind, render
from pacs_portal.tests.test_delivery import Delivery, delivery  # noqa: F401 - a fixture
from pacs_portal.tests.test_settings import PRODUCTION, manage

PAGES = sorted((ROOT / "docs" / "operations").glob("*.md"))
TEXT = {page.name: page.read_text() for page in PAGES}
BLOCKS = [
    (name, block.splitlines())
    for name, text in TEXT.items()
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
]
HERE = sorted({line for _, lines in BLOCKS if lines[0] == "# here" for line in lines[1:]})


def test_every_page_is_in_the_table_of_contents():
    listed = re.findall(r"\((\w[\w-]*\.md)\)", TEXT["README.md"])

    assert sorted([*listed, "README.md"]) == [page.name for page in PAGES]


def test_every_block_of_commands_says_where_it_can_be_run():
    assert {lines[0] for _, lines in BLOCKS} == {"# here", "# needs a cloud"}
    assert len(BLOCKS) == sum(text.count("```sh\n") for text in TEXT.values())


@pytest.mark.parametrize("line", HERE)
def test_what_can_be_run_here_runs(line, delivery: Delivery):  # noqa: F811
    program, *arguments = line.split()
    if program == ".venv/bin/python" and arguments[0] == "manage.py":
        done = manage(*arguments[1:], **PRODUCTION)
    elif program == ".venv/bin/python":
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
    else:
        done = delivery.run(program, *arguments)

    assert done.returncode == 0, done.stderr


def test_what_they_name_in_the_cluster_is_in_the_manifests():
    there = {
        f"{m['kind'].lower()}/{m['metadata']['name']}"
        for m in of_kind(render("production"), "Deployment", "CronJob", "Job")
    }
    named = set(re.findall(r"\b(?:deployment|cronjob)/[\w-]+", "\n".join(TEXT.values())))

    assert named <= there
    assert len(named) >= 3


def test_every_script_and_file_that_they_name_is_there():
    names = re.findall(
        r"(?<![\w/.])(?:\./)?(?:k8s/[\w./-]*\w|[\w-]+\.sh)", "\n".join(TEXT.values())
    )
    missing = {
        name for name in names if not ((ROOT / name).exists() or (ROOT / "k8s" / name).exists())
    }

    assert not missing


def test_every_command_of_the_portal_that_they_name_is_there():
    named = set(re.findall(r"manage\.py (\w+)", "\n".join(TEXT.values())))

    assert named <= set(get_commands())


def test_every_secret_of_the_cluster_has_a_way_to_be_changed():
    providers = of_kind(render("production"), "SecretProviderClass")
    secrets = {
        entry["resourceName"].split("/")[3]
        for provider in providers
        for entry in yaml.safe_load(provider["spec"]["parameters"]["secrets"])
    }
    script = (ROOT / "k8s" / "secrets.sh").read_text()

    assert secrets == {
        "pacs-secret-key", "pacs-secret-key-fallbacks", "pacs-database-url",
        "pacs-owner-database-url", "pacs-pgcat-toml", "pacs-jwt-private-key", "pacs-jwt-other-keys",
    }  # fmt: skip
    assert all(secret in script or secret.removeprefix("pacs-") in script for secret in secrets)


def test_the_values_that_environments_need_are_in_the_example():
    example = (ROOT / ".env.example").read_text()

    assert all(f"\n{name}=" in example for name in VALUES)
