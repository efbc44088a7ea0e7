"""The scripts of delivery, run with programs in place of gcloud, kubectl and curl that write down what
they are asked."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from pacs_portal.tests.manifests import PROGRAMS, ROOT, VALUES

SCRIPTS = sorted(
    [*ROOT.glob("*.sh"), *ROOT.glob("k8s/*.sh"), *ROOT.glob("frontend/*.sh"), ROOT / ".ci/run"]
)
DIGEST = "sha256:" + "1" * 64
IMAGE = f"us-central1-docker.pkg.dev/project/pacs/pacs-portal@{DIGEST}"

# Each writes its arguments down. What they answer stands in the environment or in files beside the log.
GCLOUD = f"""
case "$*" in
  "auth list"*) echo "${{ACCOUNT-someone@example.org}}" ;;
  "artifacts docker images describe"*) [ -z "$NO_SUCH_TAG" ] && echo {DIGEST} ;;
  "artifacts docker tags list"*) echo latest-1; echo latest-2 ;;
  "secrets describe"*) [ -f "$LOG.$3" ] ;;
  "secrets versions add"*) cat > "$LOG.$4" ;;
  "secrets versions access"*) cat "$LOG.${{5#--secret=}}" ;;
  "sql users set-password"*) cat "${{7#--flags-file=}}" > "$LOG.password-of-$4" ;;
  *" describe "*) [ -n "$ALL_THERE" ] || case "$*" in "projects describe"*) ;; *) false ;; esac ;;
esac
"""
KUBECTL = f"""
case "$*" in
  kustomize*) exec {PROGRAMS}/kubectl "$@" ;;
  apply*) [[ "$*" != *"-f -" ]] || cat > "$LOG.applied"; case "$*" in *"!=gate"*) touch "$LOG.rolled" ;; esac ;;
  *"get job"*) echo "${{JOB-SuccessCriteriaMet Complete}}" ;;
  *"get deployment pacs-web"*) [ -n "$FIRST" ] || if [ -f "$LOG.rolled" ]; then echo 5; else echo 4; fi ;;
  *"get deployment pooler"*) echo 2 ;;
  *"rollout status deployment/$STUCK "*) exit 1 ;;
esac
"""
CURL = '[ -z "$UNREACHABLE" ]'


class Delivery:
    """A clean checkout with its scripts, and what they asked of other programs."""

    def __init__(self, directory: Path) -> None:
        self.checkout = directory / "parent" / "checkout"
        self.log = directory / "log"
        self._programs = directory / "bin"
        self._programs.mkdir()
        for name, script in (("gcloud", GCLOUD), ("kubectl", KUBECTL), ("curl", CURL)):
            program = self._programs / name
            program.write_text(f'#!/bin/bash\necho "{name} $*" >> "$LOG"\n{script}')
            program.chmod(0o755)
        shutil.copytree(ROOT / "k8s", self.checkout / "k8s")
        for name in ("deploy.sh", "rollback.sh", "cloudbuild.yaml", ".gitignore"):
            shutil.copy(ROOT / name, self.checkout)
        self.git("init", "--quiet")
        self.git("add", "--all")
        self.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message=all")

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.checkout, check=True)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.checkout, capture_output=True, text=True, timeout=60, check=False,
            env={"PATH": f"{self._programs}:{os.environ['PATH']}", "LOG": str(self.log),
                 "POLL_SECONDS": "0", "HOME": "/nowhere", **VALUES, **environment},
        )  # fmt: skip

    def asked(self, program: str = "") -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line for line in lines if line.startswith(program) and "kustomize" not in line]

    def kept(self, name: str) -> str:
        return Path(f"{self.log}.{name}").read_text()


@pytest.fixture
def delivery(tmp_path) -> Delivery:
    return Delivery(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_has_no_fault_that_shellcheck_knows(script):
    done = subprocess.run(
        [PROGRAMS / "shellcheck", "--external-sources", "--source-path", ROOT, script],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "")


def test_the_build_keeps_to_the_schema_of_cloud_build():
    done = subprocess.run(
        [PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.cloudbuild", ROOT / "cloudbuild.yaml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout


def test_nothing_is_pushed_before_it_is_tested_and_scanned_and_nothing_rolled_out_before_it_is_pushed():
    build = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())

    assert [step["id"] for step in build["steps"]] == [
        "test", "build", "contents", "scan", "push", "roll-out",
    ]  # fmt: skip
    assert all(
        re.search(r":[^:]*\d", s["name"])
        for s in build["steps"]
        if "cloud-builders" not in s["name"]
    )


# --- deploy.sh ------------------------------------------------------------------------------------


def test_deploy_submits_what_is_committed_with_a_tag_of_its_own(delivery):
    done = delivery.run("./deploy.sh", "staging")

    assert done.returncode == 0, done.stderr
    (submitted,) = delivery.asked("gcloud builds submit")
    assert re.search(r"_ENVIRONMENT=staging,_TAG=latest-\d{10},_COMMIT=[0-9a-f]{12},", submitted)
    assert "_SQL_INSTANCE=project:us-central1:pacs" in submitted


def test_deploy_in_a_dry_run_shows_and_submits_nothing(delivery):
    done = delivery.run("./deploy.sh", "--dry-run")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("gcloud builds submit")
    assert "_ENVIRONMENT=production" in done.stdout
    assert delivery.asked("gcloud builds") == []


def test_deploy_refuses_what_is_not_committed(delivery):
    (delivery.checkout / "k8s" / "new.yaml").touch()

    done = delivery.run("./deploy.sh")

    assert done.returncode == 1
    assert "not committed" in done.stderr
    assert delivery.asked() == []


@pytest.mark.parametrize("where", [".", ".."])
def test_deploy_finds_its_values_here_or_in_the_parent_directory(delivery, where):
    without = dict.fromkeys(VALUES, "")
    text = "".join(f"{name}={value}\n" for name, value in VALUES.items())
    (delivery.checkout / where / ".env").write_text(f"SECRET_KEY=$(touch run)\n{text}")

    done = delivery.run("./deploy.sh", "--dry-run", **without)

    assert done.returncode == 0, done.stderr
    assert "_BUCKET=pacs-example" in done.stdout
    assert not (delivery.checkout / "run").exists()


@pytest.mark.parametrize("name", sorted(VALUES))
def test_deploy_says_which_value_is_missing(delivery, name):
    done = delivery.run("./deploy.sh", **{name: ""})

    assert done.returncode == 1
    assert done.stderr.startswith(f"{name} is not set.")


def test_deploy_refuses_a_value_that_would_not_stay_a_word(delivery):
    done = delivery.run("./deploy.sh", BUCKET="a b: c")

    assert (done.returncode, done.stderr) == (1, "BUCKET has a character that no such name has.\n")


def test_deploy_asks_for_a_sign_in(delivery):
    done = delivery.run("./deploy.sh", ACCOUNT="")

    assert done.returncode == 1
    assert "gcloud auth login" in done.stderr


def test_deploy_knows_only_environments_that_there_are(delivery):
    done = delivery.run("./deploy.sh", "moon")

    assert done.returncode == 1
    assert done.stderr.startswith("usage: ./deploy.sh")


# --- k8s/rollout.sh -------------------------------------------------------------------------------


def roll_out(delivery: Delivery, *options: str, **environment: str):
    return delivery.run("k8s/rollout.sh", *options, "production", IMAGE, **environment)


def test_a_roll_out_migrates_applies_waits_and_verifies_in_this_order(delivery):
    done = roll_out(delivery)

    assert done.returncode == 0, done.stderr
    steps = [line for line in delivery.asked() if " get " not in line]
    assert steps == [
        "kubectl apply -f k8s/base/namespace.yaml",
        "kubectl -n pacs delete job pacs-migrate --ignore-not-found",
        "kubectl apply --selector pacs-portal/stage=gate -f -",
        "kubectl apply --selector pacs-portal/stage!=gate -f -",
        "kubectl -n pacs rollout status deployment/pooler --timeout=5m",
        "kubectl -n pacs rollout status deployment/pacs-web --timeout=5m",
        "curl -fsS --max-time 5 --retry 10 --retry-delay 3 --retry-all-errors https://pacs.example.org/readyz",
    ]
    assert f"image: {IMAGE}" in delivery.kept("applied")


def test_a_migration_that_fails_stops_everything(delivery):
    done = roll_out(delivery, JOB="FailureTarget Failed")

    assert done.returncode == 1
    assert "Nothing else was changed" in done.stderr
    assert not Path(f"{delivery.log}.rolled").exists()


@pytest.mark.parametrize(
    "failure", [{"STUCK": "pacs-web"}, {"UNREACHABLE": "yes"}], ids=["stuck", "unreachable"]
)
def test_a_roll_out_that_fails_is_undone_where_it_changed_something(delivery, failure):
    done = roll_out(delivery, **failure)

    assert done.returncode == 1
    undone = [line for line in delivery.asked() if "undo" in line]
    assert undone == ["kubectl -n pacs rollout undo deployment/pacs-web --to-revision=4"]


def test_a_first_roll_out_that_fails_has_nothing_to_go_back_to(delivery):
    done = roll_out(delivery, FIRST="yes", STUCK="pacs-web")

    assert done.returncode == 1
    assert not [line for line in delivery.asked() if "undo" in line]


def test_a_standby_gets_the_release_without_migrating_and_is_not_asked_whether_it_answers(delivery):
    done = delivery.run("k8s/rollout.sh", "disaster-recovery", IMAGE)

    assert done.returncode == 0, done.stderr
    assert delivery.asked("curl") == []
    assert not [line for line in delivery.asked() if "job" in line]
    assert f"image: {IMAGE}" in delivery.kept("applied")


@pytest.mark.parametrize("image", ["pacs-portal", "pacs-portal:latest", "pacs-portal:1.0"])
def test_an_image_whose_tag_could_move_is_refused(delivery, image):
    done = delivery.run("k8s/rollout.sh", "production", image)

    assert done.returncode == 1
    assert "An image is named by its digest" in done.stderr


# --- rollback.sh ----------------------------------------------------------------------------------


def test_a_rollback_brings_the_digest_of_a_tag_and_migrates_nothing(delivery):
    done = delivery.run("./rollback.sh", "latest-1764259200")

    assert done.returncode == 0, done.stderr
    assert f"production runs {IMAGE}." in done.stdout
    assert not [line for line in delivery.asked() if "delete job" in line or "stage=gate" in line]


def test_a_rollback_to_a_tag_that_there_is_not_names_those_that_there_are(delivery):
    done = delivery.run("./rollback.sh", "latest-3", NO_SUCH_TAG="yes")

    assert done.returncode == 1
    assert "There is no latest-3. These are: latest-1 latest-2" in done.stderr


def test_a_rollback_takes_only_tags_that_never_move(delivery):
    done = delivery.run("./rollback.sh", "latest")

    assert done.returncode == 1
    assert "usage: ./rollback.sh" in done.stderr


# --- k8s/create_cluster.sh ------------------------------------------------------------------------


def test_the_cluster_is_shown_with_its_price_in_a_dry_run_without_asking_for_anything(delivery):
    done = delivery.run("k8s/create_cluster.sh", "--dry-run")

    assert done.returncode == 0, done.stderr
    assert re.search(r"in all about +\d+", done.stdout)
    assert delivery.asked() == []


@pytest.mark.parametrize(
    "wanted",
    [
        "container node-pools create spot .* --spot --machine-type=e2-medium --disk-type=pd-standard --disk-size=40 ",
        "sql instances create pacs --database-version=POSTGRES_18 .* --availability-type=REGIONAL ",
        "sql instances create .* --backup-start-time=02:00 --retained-backups-count=365 --enable-point-in-time-recovery",
        "storage buckets create gs://pacs-example .* --recovery-point-objective=ASYNC_TURBO",
        "storage buckets update gs://pacs-example --versioning --lifecycle-file=k8s/bucket-lifecycle.json",
        "artifacts repositories create pacs .* --immutable-tags",
        "container clusters create pacs .* --enable-dataplane-v2 .* --enable-private-nodes ",
    ],
)  # fmt: skip
def test_the_cluster_is_what_the_documents_promise(delivery, wanted):
    shown = delivery.run("k8s/create_cluster.sh", "--dry-run").stdout

    assert re.search(f"^gcloud {wanted}", shown, re.MULTILINE)


def test_objects_move_to_colder_storage_after_90_days_and_after_a_year():
    rules = json.loads((ROOT / "k8s" / "bucket-lifecycle.json").read_text())["rule"]

    assert [(r["condition"], r["action"]["storageClass"]) for r in rules] == [
        ({"age": 90}, "COLDLINE"), ({"age": 365}, "ARCHIVE"),
    ]  # fmt: skip
    assert {r["action"]["type"] for r in rules} == {"SetStorageClass"}


def test_what_is_there_already_is_not_made_again(delivery):
    done = delivery.run("k8s/create_cluster.sh", ALL_THERE="yes")

    assert done.returncode == 0, done.stderr
    made = [line for line in delivery.asked() if re.search(r"\bcreate\b", line)]
    assert {line.split()[1] for line in made} == {"secrets"}  # whose fake starts empty


# --- k8s/secrets.sh -------------------------------------------------------------------------------


def secrets(delivery: Delivery, step: str) -> None:
    done = delivery.run("k8s/secrets.sh", step)
    assert done.returncode == 0, done.stderr
    assert "PRIVATE" not in done.stdout + done.stderr
    assert not re.search(r"[0-9a-f]{64}", done.stdout + done.stderr + "".join(delivery.asked()))


@pytest.fixture
def with_secrets(delivery) -> Delivery:
    secrets(delivery, "create")
    return delivery


def test_secrets_are_made_once(with_secrets):
    before = with_secrets.kept("pacs-secret-key"), with_secrets.kept("pacs-database-url")
    written = len(with_secrets.asked("gcloud secrets versions add"))

    secrets(with_secrets, "create")

    assert (with_secrets.kept("pacs-secret-key"), with_secrets.kept("pacs-database-url")) == before
    assert len(with_secrets.asked("gcloud secrets versions add")) == written
    assert re.fullmatch("[0-9a-f]{64}", before[0])


def test_pgcat_lets_in_the_two_users_of_the_portal(with_secrets):
    pgcat = tomllib.loads(with_secrets.kept("pacs-pgcat-toml"))
    pool = pgcat["pools"]["pacs"]

    assert {user["username"]: user["password"] for user in pool["users"].values()} == {
        "pacs_1": with_secrets.kept("pacs-password-1"),
        "pacs_2": with_secrets.kept("pacs-password-2"),
    }
    assert pool["shards"]["0"] == {"servers": [["127.0.0.1", 5432, "primary"]], "database": "pacs"}
    assert pgcat["general"]["admin_password"] == with_secrets.kept("pacs-pooler-password")
    assert "demonstration" not in with_secrets.kept("pacs-pgcat-toml")


def test_a_new_secret_key_leaves_the_former_one_valid(with_secrets):
    former = with_secrets.kept("pacs-secret-key")

    secrets(with_secrets, "rotate-secret-key")

    assert with_secrets.kept("pacs-secret-key-fallbacks") == former
    assert with_secrets.kept("pacs-secret-key") != former


def test_a_key_is_believed_before_it_signs_and_after_it_has_signed(with_secrets):
    private, others = (with_secrets.kept(f"pacs-jwt-{n}") for n in ("private-key", "other-keys"))

    secrets(with_secrets, "rotate-signing-key")

    assert with_secrets.kept("pacs-jwt-private-key").strip() == others.strip()
    assert with_secrets.kept("pacs-jwt-other-keys").strip().endswith(private.strip())
    assert with_secrets.kept("pacs-jwt-other-keys").count("BEGIN PRIVATE KEY") == 2


def test_a_database_password_changes_while_the_portal_uses_the_other_user(with_secrets):
    url, former = with_secrets.kept("pacs-database-url"), with_secrets.kept("pacs-password-2")
    assert "//pacs_1:" in url

    secrets(with_secrets, "rotate-database-password")

    new = with_secrets.kept("pacs-password-2")
    assert new != former
    assert with_secrets.kept("password-of-pacs_2") == f"--password: {new}\n"
    assert new in with_secrets.kept("pacs-pgcat-toml")
    assert with_secrets.kept("pacs-database-url") == url

    secrets(with_secrets, "switch-database-user")

    assert with_secrets.kept("pacs-database-url") == f"postgres://pacs_2:{new}@pooler:6432/pacs"
