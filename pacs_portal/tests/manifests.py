"""The manifests of k8s/ as the scripts of delivery would apply them."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PROGRAMS = Path(sys.executable).parent  # requirements-dev.txt brings kubectl, shellcheck, hadolint
IMAGE = "us-central1-docker.pkg.dev/project/pacs/pacs-portal@sha256:" + "0" * 64
VALUES = {
    "PROJECT_ID": "project",
    "REGION": "us-central1",
    "CLUSTER": "pacs",
    "PUBLIC_HOST": "pacs.example.org",
    "BUCKET": "pacs-example",
    "SQL_INSTANCE": "project:us-central1:pacs",
}
ENVIRONMENTS = sorted(path.parent.name for path in ROOT.glob("k8s/overlays/*/kustomization.yaml"))

Manifest = dict[str, Any]


@cache
def render(environment: str) -> list[Manifest]:
    done = subprocess.run(
        [ROOT / "k8s" / "render.sh", environment, IMAGE],
        env={"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "HOME": "/nowhere", **VALUES},
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def kustomize(directory: Path) -> list[Manifest]:
    done = subprocess.run(
        [PROGRAMS / "kubectl", "kustomize", str(directory)],
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = (m for m in of_kind(manifests, kind) if m["metadata"]["name"] == name)
    return found


def pod(manifest: Manifest) -> Manifest:
    """The pod template of a Deployment, Job or CronJob."""
    spec = manifest["spec"]
    spec = spec["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else spec
    template: Manifest = spec["template"]
    return template


def containers(manifest: Manifest) -> list[Manifest]:
    spec = pod(manifest)["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]
