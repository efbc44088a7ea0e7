"""The image: small, without what it does not need, and not root."""

import json
import re
import subprocess

import pytest

from bench import image_size
from pacs_portal.tests.manifests import PROGRAMS, ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
LAST_STAGE = DOCKERFILE.rsplit("\nFROM ", 1)[1]
RECORD = json.loads(image_size.RECORD.read_text())


def test_it_stays_under_100_mb_compressed():
    assert image_size.total("alpine", RECORD) < 100_000_000


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("alpine", ["requirements.txt"]),
        ("slim", ["requirements.txt", "requirements-decoders.txt"]),
    ],
)
def test_the_sizes_on_record_are_those_of_the_versions_that_are_required(kind, files):
    wanted = {f"{name}-{version}" for name, version in image_size.pins(*files).items()}

    missing = wanted - set(RECORD[kind])
    assert not missing, f"run: .venv/bin/python -m bench.image_size --measure  ({missing})"


def test_the_dockerfile_has_no_fault_that_hadolint_knows():
    done = subprocess.run(
        [PROGRAMS / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_copied_is_let_in_and_no_more():
    let_in = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = [
        name
        for names in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for name in names.split()
    ]

    assert sorted(copied) == sorted(let_in)
    assert all((ROOT / name).exists() for name in copied)


def test_every_app_of_the_portal_is_copied():
    apps = {path.parent.name for path in ROOT.glob("*/apps.py")} | {"pacs_portal", "templates"}

    assert apps <= set(re.findall(r"^COPY (\w+) \w+$", DOCKERFILE, re.MULTILINE))


def test_it_is_nobody_who_could_change_it():
    assert re.findall(r"^USER (\d+)$", LAST_STAGE, re.MULTILINE) == ["10001"]
    assert "chown" not in LAST_STAGE


def test_nothing_is_compiled_and_no_tool_of_the_build_stays():
    assert "apk add" not in DOCKERFILE
    assert "pip uninstall --yes pip" in DOCKERFILE
    assert re.findall(r"pip install (\S+ \S+)", DOCKERFILE) == ["--only-binary :all:"] * 2
    assert re.findall(r"^COPY --from=build (\S+)", LAST_STAGE, re.MULTILINE) == ["/venv", "/app"]


def test_it_carries_a_list_of_what_it_is_made_of():
    """Made by a tool that does not stay, of the environment that does."""
    assert re.search(
        r"/tools/bin/cyclonedx-py environment /venv/bin/python .*sbom.cdx.json", DOCKERFILE
    )
    assert "cyclonedx_bom" in image_size.pins("requirements-image.txt")
