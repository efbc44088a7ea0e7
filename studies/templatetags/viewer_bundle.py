"""Tags of the viewer's bundle, by the manifest that its build writes."""

import functools
import json
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

Manifest = dict[str, dict[str, Any]]

MANIFEST = "viewer/manifest.json"
ENTRY = "src/main.js"

register = template.Library()


@register.simple_tag
def viewer_bundle() -> SafeString:
    """The stylesheet, the preloads and the module script of the viewer page."""
    manifest = read_manifest() if settings.DEBUG else _remembered_manifest()
    entry = manifest[ENTRY]
    return format_html(
        '{}{}<script type="module" src="{}"></script>\n',
        _links("stylesheet", entry.get("css", [])),
        _links("modulepreload", imported_files(manifest, ENTRY)),
        _address(entry["file"]),
    )


def read_manifest() -> Manifest:
    """Entries of the build by source path.

    Raises:
        ImproperlyConfigured: If there is no build.
    """
    path = finders.find(MANIFEST)
    if path is None:
        raise ImproperlyConfigured(
            f"The viewer's bundle is missing ({MANIFEST} among the static files); "
            "frontend/build.sh makes it."
        )
    manifest: Manifest = json.loads(Path(path).read_text())
    return manifest


_remembered_manifest = functools.cache(read_manifest)


def imported_files(manifest: Manifest, entry: str) -> list[str]:
    """Files that `entry` imports at once, directly or not, each named one time."""
    files: dict[str, None] = {}
    waiting = list(manifest[entry].get("imports", []))
    while waiting:
        chunk = manifest[waiting.pop(0)]
        if chunk["file"] not in files:
            files[chunk["file"]] = None
            waiting += chunk.get("imports", [])
    return list(files)


def _links(relation: str, files: list[str]) -> SafeString:
    return format_html_join(
        "", '<link rel="{}" href="{}">\n', ((relation, _address(file)) for file in files)
    )


def _address(file: str) -> str:
    return static(f"viewer/{file}")
