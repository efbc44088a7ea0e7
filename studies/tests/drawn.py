"""The phantoms, drawn once for all tests: by all processes that need them, together."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from unittest import mock

from django.conf import settings

from studies import synthetic
from studies.synthetic.phantoms import CATALOGUE, PhantomSeries


def directory_of_drawings() -> Path:
    """One for each state of the code that draws: what it draws is the same every time."""
    digest = hashlib.sha256("".join(map(version, ("numpy", "pillow", "pydicom"))).encode())
    for source in sorted(Path(synthetic.__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return settings.PACS_VAR_DIR / f"phantoms-{digest.hexdigest()[:16]}"


def draw_all(directory: Path) -> None:
    """Draw what no other process is drawing, then wait for what others draw."""
    directory.mkdir(parents=True, exist_ok=True)
    for lock in (fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_EX):
        for series in CATALOGUE:
            with suppress(BlockingIOError):
                _draw_once(series, directory, lock)


def _draw_once(series: PhantomSeries, directory: Path, lock: int) -> None:
    drawn, unfinished = directory / series.name, directory / f"{series.name}.unfinished"
    with (directory / f"{series.name}.lock").open("w") as file:
        fcntl.flock(file, lock)
        if drawn.exists():
            return
        unfinished.mkdir(exist_ok=True)
        for number, content in enumerate(series.instances(), 1):
            (unfinished / f"{number:04}.dcm").write_bytes(content)
        unfinished.rename(drawn)


def drawn_instances(directory: Path, series: PhantomSeries) -> Iterator[bytes]:
    for path in sorted((directory / series.name).iterdir()):
        yield path.read_bytes()


@contextmanager
def taken_from(directory: Path) -> Iterator[None]:
    """Inside, every series gives what was drawn before; `test_phantoms.py` is about the drawing."""
    with mock.patch.object(
        PhantomSeries, "instances", lambda series: drawn_instances(directory, series)
    ):
        yield
