"""The conformance statement: claims of a data file, each with its tests, and tables of the code.

`docs/conformance.toml` holds the sections with their claims; `manage.py conformance` writes
`docs/conformance.md` from it. A claim without a test, or with one that does not exist, is a fault.
"""

import ast
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import ModuleInfo, iter_modules
from types import ModuleType

from accounts.roles import Role
from studies import migrations
from studies.dicom.attributes import ATTRIBUTES, Attribute
from studies.dicomweb import capabilities, errors, media_types, store

ROOT = Path(__file__).resolve().parent.parent
CLAIMS = ROOT / "docs" / "conformance.toml"
DOCUMENT = ROOT / "docs" / "conformance.md"


@dataclass(frozen=True, slots=True)
class Claim:
    """What we say we do, where the standard asks for it, and the tests that show it.

    A test is named as pytest names it, without parameters: `path/of/test_file.py::test_name`.
    """

    says: str
    tests: list[str] = field(default_factory=list)
    clause: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A title with text, a table of the code and claims, each of which may be left out."""

    title: str
    text: str = ""
    table: str = ""
    claims: list[Claim] = field(default_factory=list)


def read_sections(text: str) -> list[Section]:
    """The sections of the data file; TypeError where one has a word that is not known."""
    return [
        Section(**{**section, "claims": [Claim(**claim) for claim in section.get("claims", [])]})
        for section in tomllib.loads(text)["section"]
    ]


def faults(sections: Iterable[Section]) -> list[str]:
    """A sentence for each claim that no test shows."""
    found = []
    for claim in (claim for section in sections for claim in section.claims):
        if not claim.tests:
            found.append(f"No test shows: {claim.says}")
        found += [
            f"There is no {test}, which is said to show: {claim.says}"
            for test in claim.tests
            if not _exists(test)
        ]
    return found


def _exists(test: str) -> bool:
    path, _, name = test.partition("::")
    return name in _tests_of(ROOT / path)


@cache
def _tests_of(path: Path) -> frozenset[str]:
    """Names of the functions that pytest would collect from this file."""
    if not path.name.startswith("test_") or not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text())
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return frozenset(f.name for f in functions if f.name.startswith("test_"))


def render(sections: Iterable[Section]) -> str:
    """The document in Markdown."""
    parts = ["# Conformance statement: DICOMweb", _FOREWORD]
    for number, section in enumerate(sections, start=1):
        parts.append(f"## {number}. {section.title}")
        if section.text:
            parts.append(section.text.strip())
        if section.table:
            parts.append("\n".join(TABLES[section.table]()))
        if section.claims:
            parts.append("\n".join(_line(claim) for claim in section.claims))
    return "\n\n".join(parts) + "\n"


_FOREWORD = """\
Written by `make conformance` from [conformance.toml](conformance.toml) and from tables of the code;
do not edit it here. Each claim names the tests that show it, and the build fails when one of them
is gone. Clauses are those of the edition that [ADR 1](adr/0001-edition-of-the-standard.md) names;
the order is that of PS3.2 N."""


def _line(claim: Claim) -> str:
    clause = f" ({claim.clause})" if claim.clause else ""
    shown = ", ".join(_link(test) for test in claim.tests)
    return f"- {claim.says}{clause}\n  <br>{shown}"


def _link(test: str) -> str:
    path, _, name = test.partition("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../{path})"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(head)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _resources() -> Iterator[str]:
    rows = (
        (f"`{capabilities.template(pattern)}`", method, t.title, _code(t.produces))
        for pattern in capabilities.patterns()
        for method, t in capabilities.transactions(pattern).items()
    )
    return _table(("Resource", "Method", "Transaction", "Media types"), rows)


def _attributes() -> Iterator[str]:
    rows = (
        (
            a.level.value,
            f"`{a.keyword_path}`",
            f"({a.tag[:4]},{a.tag[4:]})",
            a.vr,
            _yes(a),
            a.returned,
        )
        for a in ATTRIBUTES
    )
    return _table(("Level", "Attribute", "Tag", "VR", "Key", "Returned"), rows)


def _yes(attribute: Attribute) -> str:
    return "yes" if attribute.matches else ""


def _frames() -> Iterator[str]:
    defaults = media_types.DEFAULT_TRANSFER_SYNTAXES
    rows = (
        (
            f"`{uid}`",
            f"`{media_type}`",
            "yes" if defaults.get(media_type) == uid else "",
            "yes" if uid in media_types.LOSSY_TRANSFER_SYNTAXES else "",
        )
        for uid, media_type in media_types.FRAME_MEDIA_TYPES.items()
    )
    return _table(("Transfer syntax", "Media type of a frame", "Its default", "Lossy"), rows)


def _status_codes() -> Iterator[str]:
    rows = sorted(
        (str(status), str(kind.__doc__).split("\n")[0]) for kind, status in errors.STATUS.items()
    )
    return _table(("Status", "When"), rows)


def _failure_reasons() -> Iterator[str]:
    rows = ((f"`{reason:04X}`", when) for reason, when in sorted(store.FAILURE_REASONS.items()))
    return _table(("Failure Reason (0008,1197)", "When"), rows)


def _code(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _roles() -> Iterator[str]:
    rows = ((role, *("yes" if p in _granted(role) else "" for p in _USES)) for role in Role)
    return _table(("Role", *_USES.values()), rows)


# What the service asks whether somebody may (`studies.access`).
_USES = {"view_study": "Search and retrieve", "add_instance": "Store", "delete_study": "Delete"}


def _granted(role: Role) -> set[str]:
    """Permissions that the migrations give."""
    modules = (import_module(f"{migrations.__name__}.{m.name}") for m in _modules(migrations))
    return {name for module in modules for name in getattr(module, "GRANTS", {}).get(role, ())}


def _modules(package: ModuleType) -> list[ModuleInfo]:
    return list(iter_modules(package.__path__))


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "attributes": _attributes,
    "failure reasons": _failure_reasons,
    "frames": _frames,
    "resources": _resources,
    "roles": _roles,
    "status codes": _status_codes,
}
