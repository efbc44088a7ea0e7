"""The committed bundle of the viewer: built from the committed source, whole, and linked right."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, Template

from studies.templatetags import viewer_bundle

ROOT = Path(__file__).resolve().parents[2]
FRONTEND = ROOT / "frontend"
BUNDLE = ROOT / "studies" / "static" / "viewer"
SOURCES = [
    "src",
    "package.json",
    "package-lock.json",
    "vite.config.js",
    "cornerstone-diet.js",
    "third-party.js",
]


def source_digest() -> str:
    """As `frontend/build.sh` does: the digest of the lines that sha256sum prints."""
    files = [f for s in SOURCES for f in [FRONTEND / s, *(FRONTEND / s).rglob("*")] if f.is_file()]
    lines = {
        f.relative_to(FRONTEND).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in files
    }
    text = "".join(f"{lines[name]}  {name}\n" for name in sorted(lines))
    return hashlib.sha256(text.encode()).hexdigest()


def bundle_files() -> list[Path]:
    return sorted(f for f in BUNDLE.rglob("*") if f.is_file())


def manifest() -> dict:
    return json.loads((BUNDLE / "manifest.json").read_text())


def render() -> str:
    return Template("{% load viewer_bundle %}{% viewer_bundle %}").render(Context())


def test_the_committed_bundle_was_built_from_the_committed_source():
    built_from = (BUNDLE / "source.sha256").read_text().strip()

    assert built_from == source_digest(), "frontend/ has changed: run frontend/build.sh"


def test_every_file_of_the_manifest_is_there():
    entries = manifest().values()
    named = {e["file"] for e in entries} | {
        f for e in entries for kind in ("css", "assets") for f in e.get(kind, [])
    }

    assert named
    assert {f for f in named if not (BUNDLE / f).is_file()} == set()


def test_every_file_that_a_script_of_the_bundle_names_is_there():
    scripts = "".join(f.read_text() for f in BUNDLE.rglob("*.js"))
    named = set(re.findall(r"[`'\"/]([\w-]+-[\w-]{8}\.(?:js|wasm))[`'\"]", scripts))

    assert any(name.endswith(".wasm") for name in named)
    assert named - {f.name for f in bundle_files()} == set()


def test_the_names_of_assets_carry_a_hash_and_may_be_kept_for_ever(settings):
    addresses = [f"/static/viewer/assets/{f.name}" for f in (BUNDLE / "assets").iterdir()]
    immutable = re.compile(settings.WHITENOISE_IMMUTABLE_FILE_TEST)

    assert addresses
    assert [a for a in addresses if not immutable.match(a)] == []


@pytest.mark.parametrize(
    "trace",
    [
        pytest.param(rb"sourceMappingURL=", id="a source map"),
        pytest.param(rb"/node_modules/\.|file:///[a-z]", id="a folder of the build machine"),
        pytest.param(
            rb"\bnew Function\b|[^\w.$]eval\(", id="code from text, which the CSP forbids"
        ),
    ],
)
def test_the_bundle_is_free_of(trace):
    scripts = [f for f in bundle_files() if f.suffix in {".js", ".css"}]

    assert scripts
    assert [f.name for f in scripts if re.search(trace, f.read_bytes())] == []


def test_the_path_of_the_checkout_is_in_no_file():
    assert [f.name for f in bundle_files() if str(ROOT).encode() in f.read_bytes()] == []


def test_third_party_packages_are_named_with_version_and_licence():
    notices = (BUNDLE / "THIRD_PARTY.txt").read_text()
    lock = json.loads((FRONTEND / "package-lock.json").read_text())["packages"]
    version = lock["node_modules/@cornerstonejs/core"]["version"]

    assert f"@cornerstonejs/core {version}  MIT\n" in notices
    assert "GPL" not in notices


def test_the_tag_links_stylesheet_preloads_and_script():
    entry = manifest()["src/main.js"]
    chunks = [manifest()[name]["file"] for name in entry["imports"]]

    assert render().splitlines() == [
        *(f'<link rel="stylesheet" href="/static/viewer/{f}">' for f in entry["css"]),
        *(f'<link rel="modulepreload" href="/static/viewer/{f}">' for f in chunks),
        f'<script type="module" src="/static/viewer/{entry["file"]}"></script>',
    ]


def test_a_chunk_imported_twice_is_preloaded_once():
    chunks = {
        "a": {"file": "a.js", "imports": ["b", "c"]},
        "b": {"file": "b.js", "imports": ["c"]},
        "c": {"file": "c.js", "imports": ["b"]},
    }

    assert viewer_bundle.imported_files(chunks, "a") == ["b.js", "c.js"]


def test_a_missing_bundle_is_said_with_the_way_to_build_it(monkeypatch):
    monkeypatch.setattr(viewer_bundle, "MANIFEST", "viewer/none.json")

    with pytest.raises(ImproperlyConfigured, match=r"frontend/build\.sh makes it"):
        viewer_bundle.read_manifest()


def test_a_rebuilt_bundle_is_seen_at_once_in_debug(settings, monkeypatch):
    settings.DEBUG = True
    rebuilt = {"src/main.js": {"file": "assets/viewer-rebuilt1.js"}}
    monkeypatch.setattr(viewer_bundle, "read_manifest", lambda: rebuilt)

    assert (
        render()
        == '<script type="module" src="/static/viewer/assets/viewer-rebuilt1.js"></script>\n'
    )
