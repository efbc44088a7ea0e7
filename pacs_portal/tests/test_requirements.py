"""The table of what was promised: whole, and about things that exist."""

import re

import pytest

from pacs_portal.tests.manifests import ROOT

TEXT = (ROOT / "docs" / "requirements.md").read_text()
ROWS = re.findall(r"^\| ([PR]\d+) \| (.+) \| (\w+) \| (.+) \|$", TEXT, re.MULTILINE)
PROMISES = {"P": 25, "R": 109}


def names(text: str) -> list[str]:
    return re.findall(r"`([\w./-]+\.\w+|Dockerfile|\.env\.example|\.gitignore)`", text)


@pytest.mark.parametrize("document", PROMISES)
def test_every_promise_is_in_the_table_once(document):
    numbers = [int(number[1:]) for number, *_ in ROWS if number.startswith(document)]

    assert numbers == list(range(1, PROMISES[document] + 1))
    assert len(ROWS) == sum(PROMISES.values())


def test_every_promise_has_a_state():
    assert {state for _, _, state, _ in ROWS} == {"kept", "partly", "otherwise", "open"}


def test_what_is_kept_is_kept_by_something_that_exists():
    files = {path.name for path in ROOT.glob("*/**/tests/*.py")}
    missing = {
        (number, name)
        for number, _, _, by in ROWS
        for name in names(by)
        if name not in files and not (ROOT / name).exists()
    }

    assert not missing
    assert not [number for number, _, state, by in ROWS if state != "open" and not names(by)]


def test_what_is_missing_is_said():
    assert not [number for number, _, state, by in ROWS if state == "partly" and ";" not in by]
