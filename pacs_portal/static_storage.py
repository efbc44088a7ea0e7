"""Static files with content hashes in their names."""

from collections.abc import Iterator
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage


class PortalStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Django hashes our own files; the viewer bundle already carries hashes in its names.

    The bundle's files name each other, so renaming them would break workers and wasm codecs; they
    are compressed and left byte for byte alone.
    """

    prehashed = "viewer/assets/"

    def hashed_name(self, name: str, content: Any = None, filename: Any = None) -> str:
        if name.startswith(self.prehashed):
            return name
        return str(super().hashed_name(name, content, filename))

    def stored_name(self, name: str) -> str:
        if name.startswith(self.prehashed):
            return name
        return str(super().stored_name(name))

    def post_process(
        self,
        paths: dict[str, Any],
        dry_run: bool = False,
        **options: Any,
    ) -> Iterator[tuple[str, str, bool]]:
        own = {p: v for p, v in paths.items() if not p.startswith(self.prehashed)}
        yield from super().post_process(own, dry_run=dry_run, **options)
        if not dry_run:
            bundle = [p for p in paths if p.startswith(self.prehashed)]
            for name, compressed in self.compress_files(bundle):
                yield name, compressed, True
