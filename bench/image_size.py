"""How large the image is, compressed, without building it: base, wheels and the portal's own files.

    python -m bench.image_size              adds up what image_size.json records
    python -m bench.image_size --measure    downloads the wheels and records them: after each change
                                            of requirements

A wheel is compressed as a layer of an image is, so its files count as they are in it, but for the
tests that the Dockerfile removes.
"""

import argparse
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORD = Path(__file__).with_suffix(".json")
LIMIT_BYTES = 100 * 1000 * 1000
OWN = ["manage.py", "pacs_portal", "accounts", "studies", "analytics", "monitoring", "templates"]
# Compressed bytes of the bases, from memory and rounded up: no registry of images is asked here.
BASES = {"alpine": 18_000_000, "slim": 46_000_000}
PLATFORMS = {
    "alpine": ("musllinux_1_2_x86_64", ["requirements.txt"]),
    "slim": ("manylinux_2_28_x86_64", ["requirements.txt", "requirements-decoders.txt"]),
}


def pins(*files: str) -> dict[str, str]:
    """Name of each requirement, as wheels write it, and its version."""
    text = "\n".join((ROOT / file).read_text() for file in files)
    found = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([\w.]+)", text, re.MULTILINE)
    return {re.sub(r"[-.]", "_", name).lower(): version for name, version in found}


def wheels_of(platform: str, files: list[str]) -> dict[str, int]:
    """Bytes of each wheel that pip would install, by `name-version`."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--dest", directory,
             "--only-binary", ":all:", "--python-version", "3.13", "--platform", platform,
             *(["--platform", "manylinux_2_17_x86_64"] if "many" in platform else []),
             *(word for file in files for word in ("-r", str(ROOT / file)))],
            check=True,
        )  # fmt: skip
        wheels = sorted(Path(directory).glob("*.whl"), key=lambda wheel: wheel.name.lower())
        return {"-".join(w.name.lower().split("-")[:2]): _bytes_that_stay(w) for w in wheels}


def _bytes_that_stay(wheel: Path) -> int:
    with zipfile.ZipFile(wheel) as archive:
        return sum(
            file.compress_size for file in archive.infolist() if "/tests/" not in file.filename
        )


@cache
def own_bytes() -> int:
    """The portal's files, its static files half as large again: they come compressed as well."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=6) as archive:
        for name in OWN:
            archive.add(ROOT / name, filter=_stays)
    static = sum(path.stat().st_size for path in ROOT.glob("*/static/**/*") if path.is_file())
    return packed.tell() + static * 3 // 2


def _stays(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if re.search(r"/(tests|__pycache__)(/|$)", member.name) else member


def total(kind: str, record: dict[str, dict[str, int]]) -> int:
    return BASES[kind] + sum(record[kind].values()) + own_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(description="How large the image is, compressed.")
    parser.add_argument("--measure", action="store_true", help="download and record the wheels")
    if parser.parse_args().measure:
        measured = {kind: wheels_of(*what) for kind, what in PLATFORMS.items()}
        RECORD.write_text(json.dumps(measured, indent=1) + "\n")
    record = json.loads(RECORD.read_text())
    for kind in PLATFORMS:
        wheels = sum(record[kind].values())
        print(
            f"{kind}: base {BASES[kind] / 1e6:.1f} + wheels {wheels / 1e6:.1f} + own files"
            f" {own_bytes() / 1e6:.1f} = {total(kind, record) / 1e6:.1f} MB"
        )
    return int(total("alpine", record) >= LIMIT_BYTES)


if __name__ == "__main__":
    sys.exit(main())
