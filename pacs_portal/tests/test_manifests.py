"""The manifests of k8s/: valid, and as a cluster of small machines that vanish needs them."""

import configparser
import re
import tomllib

import kubernetes_validate
import pytest
import yaml
from django.core.management import get_commands

from accounts.keys import new_private_key
from pacs_portal import gunicorn
from pacs_portal.tests.manifests import (
    ENVIRONMENTS,
    IMAGE,
    ROOT,
    containers,
    kustomize,
    named,
    of_kind,
    pod,
    render,
)
from pacs_portal.tests.test_settings import PRODUCTION, manage

# Google's own kinds, whose schemas nobody publishes with those of Kubernetes.
WITHOUT_SCHEMA = {
    "BackendConfig", "FrontendConfig", "ManagedCertificate", "PodMonitoring", "SecretProviderClass",
}  # fmt: skip
WORKLOADS = ("Deployment", "Job", "CronJob")
SPOT_SECONDS = 15
# What an e2-medium has left beside the system: 940 mCPU and 2.7 GiB allocatable, less its own pods.
NODE_MILLICPU, NODE_MEBIBYTES = 450, 2048

environments = pytest.mark.parametrize("environment", ENVIRONMENTS)


def seconds_before_stop(container) -> int:
    command = container["lifecycle"]["preStop"]["exec"]["command"]
    return sum(map(int, re.findall(r"sleep (\d+)", " ".join(command))))


def millicpu(quantity: str) -> int:
    return int(quantity.removesuffix("m"))


def mebibytes(quantity: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()
    return int(number) * (1024 if unit == "Gi" else 1)


def permitted(policy, direction: str) -> set[tuple[str, int]]:
    """Pairs of peer and port that a NetworkPolicy lets through."""
    side = "to" if direction == "egress" else "from"
    pairs = set()
    for rule in policy["spec"].get(direction, []):
        for peer in rule[side]:
            (selector,) = peer.values()
            who = selector.get("cidr") or next(iter(selector["matchLabels"].values()))
            pairs |= {(who, port["port"]) for port in rule["ports"]}
    return pairs


@environments
def test_every_manifest_keeps_to_the_schema_of_its_kind(environment):
    for manifest in render(environment):
        if manifest["kind"] not in WITHOUT_SCHEMA:
            kubernetes_validate.validate(manifest, "1.33", strict=True)


@environments
def test_no_value_is_left_to_be_filled_in(environment):
    assert "${" not in yaml.safe_dump_all(render(environment))


def test_there_are_the_three_environments_and_the_standby_awake():
    assert ENVIRONMENTS == [
        "disaster-recovery",
        "disaster-recovery-active",
        "production",
        "staging",
    ]


@environments
def test_no_image_has_a_tag_that_moves(environment):
    images = {c["image"] for m in of_kind(render(environment), *WORKLOADS) for c in containers(m)}

    assert IMAGE in images
    assert not [
        name for name in images if not re.search(r"(@sha256:\w{64}|:[^:/]*\d[^:/]*)$", name)
    ]
    assert not [name for name in images if name.endswith(":latest")]


@environments
def test_every_pod_keeps_to_the_restricted_profile(environment):
    for manifest in of_kind(render(environment), *WORKLOADS):
        of_pod = pod(manifest)["spec"]["securityContext"]
        assert of_pod["runAsNonRoot"] is True
        assert of_pod["runAsUser"] >= 10000
        assert of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod(manifest)["spec"]["automountServiceAccountToken"] is False
        for container in containers(manifest):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


@environments
def test_every_container_says_what_it_needs_and_how_much_memory_it_may_take(environment):
    for manifest in of_kind(render(environment), *WORKLOADS):
        for container in containers(manifest):
            resources = container["resources"]
            assert millicpu(resources["requests"]["cpu"]) > 0
            assert mebibytes(resources["requests"]["memory"]) <= mebibytes(
                resources["limits"]["memory"]
            )


@environments
def test_one_of_each_fits_an_e2_medium_beside_a_job(environment):
    manifests = render(environment)
    together = [*of_kind(manifests, "Deployment"), of_kind(manifests, "CronJob")[0]]
    requests = [c["resources"]["requests"] for m in together for c in containers(m)]

    assert sum(millicpu(request["cpu"]) for request in requests) <= NODE_MILLICPU
    assert sum(mebibytes(request["memory"]) for request in requests) <= NODE_MEBIBYTES


@environments
def test_two_of_a_kind_never_share_a_node_and_spread_over_zones(environment):
    for manifest in of_kind(render(environment), "Deployment"):
        app = {"app": pod(manifest)["metadata"]["labels"]["app"]}
        spec = pod(manifest)["spec"]
        (rule,) = spec["affinity"]["podAntiAffinity"][
            "requiredDuringSchedulingIgnoredDuringExecution"
        ]
        assert rule == {
            "topologyKey": "kubernetes.io/hostname",
            "labelSelector": {"matchLabels": app},
        }
        spread = {c["topologyKey"] for c in spec["topologySpreadConstraints"]}
        assert "topology.kubernetes.io/zone" in spread


@environments
def test_everything_may_run_on_spot_machines(environment):
    for manifest in of_kind(render(environment), *WORKLOADS):
        assert {
            "key": "cloud.google.com/gke-spot",
            "operator": "Equal",
            "value": "true",
            "effect": "NoSchedule",
        } in pod(manifest)["spec"]["tolerations"]


def test_in_production_one_of_two_stands_on_standard_capacity():
    for manifest in of_kind(render("production"), "Deployment"):
        spec = pod(manifest)["spec"]
        assert "nodeSelector" not in spec
        assert "cloud.google.com/gke-provisioning" in {
            constraint["topologyKey"] for constraint in spec["topologySpreadConstraints"]
        }


@pytest.mark.parametrize(
    ("environment", "bounds"),
    [("production", (2, 10)), ("staging", (1, 3)), ("disaster-recovery-active", (2, 10))],
)
def test_the_web_scales_between_the_owners_bounds_at_70_percent(environment, bounds):
    (autoscaler,) = of_kind(render(environment), "HorizontalPodAutoscaler")
    spec = autoscaler["spec"]

    assert (spec["minReplicas"], spec["maxReplicas"]) == bounds
    assert spec["metrics"][0]["resource"] == {
        "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70},
    }  # fmt: skip
    assert spec["behavior"]["scaleUp"]["stabilizationWindowSeconds"] == 180
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 600


def test_a_deployment_does_not_take_back_what_the_autoscaler_has_set():
    assert "replicas" not in named(render("production"), "Deployment", "pacs-web")["spec"]


@environments
def test_an_upgrade_of_nodes_takes_one_pod_of_each_deployment_at_a_time(environment):
    manifests = render(environment)
    budgets = {
        b["spec"]["selector"]["matchLabels"]["app"]: b
        for b in of_kind(manifests, "PodDisruptionBudget")
    }

    assert set(budgets) == {m["metadata"]["name"] for m in of_kind(manifests, "Deployment")}
    for budget in budgets.values():
        one_at_a_time = {"maxUnavailable": 1} if environment == "staging" else {"minAvailable": 1}
        assert one_at_a_time.items() <= budget["spec"].items()


@environments
def test_a_new_pod_serves_before_an_old_one_goes(environment):
    for manifest in of_kind(render(environment), "Deployment"):
        assert manifest["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@environments
def test_the_web_ends_within_the_seconds_that_a_spot_machine_has_left(environment):
    web = named(render(environment), "Deployment", "pacs-web")
    spec = pod(web)["spec"]

    assert seconds_before_stop(spec["containers"][0]) + gunicorn.graceful_timeout < SPOT_SECONDS
    assert spec["terminationGracePeriodSeconds"] == SPOT_SECONDS


@environments
def test_the_load_balancer_sees_a_draining_pod_before_it_is_stopped(environment):
    manifests = render(environment)
    check = named(manifests, "BackendConfig", "pacs-web")["spec"]["healthCheck"]
    web = containers(named(manifests, "Deployment", "pacs-web"))[0]
    probe = web["readinessProbe"]

    noticed = check["checkIntervalSec"] * check["unhealthyThreshold"] + check["timeoutSec"]
    assert noticed < seconds_before_stop(web)
    assert probe["periodSeconds"] * probe["failureThreshold"] < seconds_before_stop(web)
    assert check["requestPath"] == probe["httpGet"]["path"] == "/readyz"
    assert check["port"] == web["ports"][0]["containerPort"]


@environments
def test_the_drain_file_that_is_touched_is_the_one_that_is_looked_for(environment):
    manifests = render(environment)
    (configuration,) = of_kind(manifests, "ConfigMap")
    web = containers(named(manifests, "Deployment", "pacs-web"))[0]

    touched = re.search(r"touch (\S+)", web["lifecycle"]["preStop"]["exec"]["command"][-1])[1]
    assert touched == configuration["data"]["PACS_DRAIN_FILE"]


@environments
def test_no_probe_of_the_web_asks_the_database(environment):
    """When it blinks, every replica would be taken out at once."""
    web = containers(named(render(environment), "Deployment", "pacs-web"))[0]

    asked = {
        web[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")
    }
    assert asked == {"/livez", "/readyz"}


def test_pgcat_drains_within_the_seconds_that_a_spot_machine_has_left():
    pooler = named(render("production"), "Deployment", "pooler")
    settings = tomllib.loads((ROOT / "k8s" / "pgcat.toml").read_text())["general"]
    pgcat = pod(pooler)["spec"]["containers"][0]

    seconds = seconds_before_stop(pgcat) + settings["shutdown_timeout"] / 1000
    assert seconds < SPOT_SECONDS
    assert pod(pooler)["spec"]["terminationGracePeriodSeconds"] == SPOT_SECONDS
    assert pgcat["ports"][0]["containerPort"] == settings["port"]


@environments
def test_what_a_web_pod_may_gather_fits_its_disk(environment):
    manifests = render(environment)
    (configuration,) = of_kind(manifests, "ConfigMap")
    web = named(manifests, "Deployment", "pacs-web")
    (tmp,) = (v for v in pod(web)["spec"]["volumes"] if v["name"] == "tmp")
    limit = mebibytes(tmp["emptyDir"]["sizeLimit"])

    assert int(configuration["data"]["PACS_MAX_INSTANCE_BYTES"]) * 2 <= limit * 1024**2
    assert limit < mebibytes(containers(web)[0]["resources"]["limits"]["ephemeral-storage"])


@environments
def test_no_secret_stands_in_a_manifest(environment):
    manifests = render(environment)

    assert of_kind(manifests, "Secret") == []
    for manifest in of_kind(manifests, *WORKLOADS):
        for container in containers(manifest):
            plain = {entry["name"] for entry in container.get("env", [])}
            assert plain <= {
                "ALLOWED_HOSTS",
                "PACS_VAR_DIR",
                "SECRET_KEY_FILE",
                "DATABASE_URL_FILE",
            }
    for configuration in of_kind(manifests, "ConfigMap"):
        assert {"SECRET_KEY", "DATABASE_URL"}.isdisjoint(configuration["data"])


@environments
def test_every_secret_that_a_setting_names_is_mounted(environment):
    manifests = render(environment)
    (configuration,) = of_kind(manifests, "ConfigMap")
    provider = named(manifests, "SecretProviderClass", "pacs-web")
    mounted = {s["path"] for s in yaml.safe_load(provider["spec"]["parameters"]["secrets"])}

    wanted = {v for k, v in configuration["data"].items() if k.endswith("_FILE") and "secrets" in v}
    assert wanted == {f"/run/secrets/pacs/{path}" for path in mounted}


@environments
def test_every_setting_is_one_that_the_portal_reads(environment):
    (configuration,) = of_kind(render(environment), "ConfigMap")
    example = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)

    assert {
        name.removesuffix("_FILE") for name in configuration["data"] if name not in example
    } <= set(example)


def test_the_portal_starts_with_the_settings_of_the_cluster_and_djangos_checks_find_nothing(
    tmp_path,
):
    (configuration,) = of_kind(render("production"), "ConfigMap")
    for file, variable in (("secret-key", "SECRET_KEY"), ("database-url", "DATABASE_URL")):
        (tmp_path / file).write_text(PRODUCTION[variable])
    for file in ("jwt-private-key", "jwt-other-keys"):
        (tmp_path / file).write_text(new_private_key())
    (tmp_path / "secret-key-fallbacks").write_text("f" * 30 + PRODUCTION["SECRET_KEY"])
    settings = {
        name: value.replace("/run/secrets/pacs", str(tmp_path))
        for name, value in configuration["data"].items()
    }

    done = manage("check", "--deploy", "--fail-level", "WARNING", **settings)

    assert done.returncode == 0, done.stderr


@environments
def test_a_cron_job_runs_a_command_that_there_is(environment):
    for job in of_kind(render(environment), "CronJob"):
        (container,) = containers(job)
        assert container["command"][:2] == ["python", "manage.py"]
        assert container["command"][2] in get_commands()
        assert job["spec"]["concurrencyPolicy"] == "Forbid"


def test_the_migration_owns_the_tables_and_goes_past_the_pooler():
    manifests = render("production")
    job = named(manifests, "Job", "pacs-migrate")
    (secret,) = (
        s for s in yaml.safe_load(
            named(manifests, "SecretProviderClass", "pacs-migrate")["spec"]["parameters"]["secrets"]
        ) if s["path"] == "database-url"
    )  # fmt: skip

    assert containers(job)[0]["name"] == "cloud-sql-proxy"
    assert containers(job)[1]["command"] == ["python", "manage.py", "migrate", "--noinput"]
    assert "pacs-owner-database-url" in secret["resourceName"]
    assert job["metadata"]["labels"]["pacs-portal/stage"] == "gate"


def test_the_standby_is_all_there_and_nothing_of_it_runs():
    standby, awake = render("disaster-recovery"), render("disaster-recovery-active")

    assert [m["spec"]["replicas"] for m in of_kind(standby, "Deployment")] == [0, 0]
    assert {m["spec"]["suspend"] for m in of_kind(standby, "CronJob")} == {True}
    assert [m["spec"]["replicas"] for m in of_kind(awake, "Deployment")] == [2, 2]
    assert [m["metadata"]["name"] for m in standby] == [m["metadata"]["name"] for m in awake]


@environments
def test_nobody_talks_to_anybody_unless_a_policy_says_so(environment):
    nothing = named(render(environment), "NetworkPolicy", "nothing")

    assert nothing["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@environments
def test_the_policies_are_those_of_the_owners_list(environment):
    """PostgreSQL behind the pooler, Redis, MinIO, Orthanc, dcm4chee; HTTPS to the outside."""
    manifests = render(environment)

    def of(name, direction):
        return permitted(named(manifests, "NetworkPolicy", name), direction)

    assert of("web-out", "egress") == {
        ("pooler", 6432), ("redis", 6379), ("minio", 9000), ("orthanc", 8042), ("dcm4chee", 8080),
    }  # fmt: skip
    assert of("database-out", "egress") == {("postgres", 5432), ("10.0.0.0/8", 3307)}
    assert of("web-in", "ingress") == {("35.191.0.0/16", 8000), ("130.211.0.0/22", 8000)}
    assert of("pooler-in", "ingress") == {("true", 6432), ("gmp-system", 9930)}
    assert of("cloud", "egress") == {
        ("169.254.169.254/32", 80), ("169.254.169.252/32", 988), ("0.0.0.0/0", 443),
    }  # fmt: skip
    assert of("names", "egress") == {("kube-system", 53)}
    assert len(of_kind(manifests, "NetworkPolicy")) == 7


@environments
def test_only_the_load_balancer_has_a_public_address(environment):
    assert {s["spec"]["type"] for s in of_kind(render(environment), "Service")} == {"ClusterIP"}


@environments
def test_http_is_sent_to_https_of_tls_1_2_or_newer(environment):
    manifests = render(environment)
    (frontend,) = of_kind(manifests, "FrontendConfig")
    (ingress,) = of_kind(manifests, "Ingress")
    policy = re.search(
        r"ssl-policies create pacs-tls (.*)", (ROOT / "k8s" / "create_cluster.sh").read_text()
    )[1]

    assert frontend["spec"]["redirectToHttps"]["enabled"] is True
    assert frontend["spec"]["sslPolicy"] == "pacs-tls"
    assert policy == "--profile=RESTRICTED --min-tls-version=1.2"
    annotations = ingress["metadata"]["annotations"]
    assert annotations["networking.gke.io/v1beta1.FrontendConfig"] == frontend["metadata"]["name"]
    assert annotations["networking.gke.io/managed-certificates"] == "pacs"


@environments
def test_no_log_of_the_load_balancer_holds_what_somebody_searched_for(environment):
    backend = named(render(environment), "BackendConfig", "pacs-web")

    assert backend["spec"]["logging"] == {"enable": False}


def test_staging_is_for_addresses_that_are_let_in():
    backend = named(render("staging"), "BackendConfig", "pacs-web")

    assert backend["spec"]["securityPolicy"] == {"name": "pacs-allowed-addresses"}


@pytest.fixture
def with_pgbouncer(tmp_path):
    """Production with the component that puts PgBouncer into PgCat's place."""
    k8s = ROOT / "k8s"
    # kustomize takes no absolute paths.
    for name in ("base", "components", "overlays"):
        (tmp_path / name).symlink_to(k8s / name)
    overlay = tmp_path / "kustomization.yaml"
    overlay.write_text("resources: [overlays/production]\ncomponents: [components/pgbouncer]\n")
    return kustomize(tmp_path)


def test_pgbouncer_can_take_the_place_of_pgcat(with_pgbouncer):
    pooler = named(with_pgbouncer, "Deployment", "pooler")
    (container,) = pod(pooler)["spec"]["containers"]

    kubernetes_validate.validate(pooler, "1.33", strict=True)
    assert container["name"] == "pgbouncer"
    assert seconds_before_stop(container) < SPOT_SECONDS
    assert named(with_pgbouncer, "Service", "pooler") == named(
        render("production"), "Service", "pooler"
    )
    assert of_kind(with_pgbouncer, "PodMonitoring") == []


def test_pgbouncer_promises_what_pgcat_promises():
    file = configparser.ConfigParser()
    file.read(ROOT / "k8s" / "components" / "pgbouncer" / "pgbouncer.ini")
    bouncer = file["pgbouncer"]
    cat = tomllib.loads((ROOT / "k8s" / "pgcat.toml").read_text())
    pool = cat["pools"]["pacs"]

    assert bouncer["pool_mode"] == pool["pool_mode"] == "transaction"
    assert bouncer.getint("listen_port") == cat["general"]["port"]
    assert bouncer.getint("default_pool_size") == pool["users"]["0"]["pool_size"]
    assert bouncer.getint("query_wait_timeout") * 1000 == cat["general"]["connect_timeout"]


def test_pgcat_is_told_every_value_that_it_would_get_wrong():
    """It ignores keys that it does not know, and its defaults differ from its documentation."""
    file = tomllib.loads((ROOT / "k8s" / "pgcat.toml").read_text())
    pool = file["pools"]["pacs"]

    assert set(file) == {"general", "pools"}
    assert file["general"]["validate_config"] is False
    assert file["general"]["autoreload"] == 15000
    assert pool["prepared_statements_cache_size"] == 0
    assert pool["query_parser_enabled"] is False
    assert pool["query_parser_read_write_splitting"] is False
    assert "prepared_statements_cache_size" not in file["general"]
