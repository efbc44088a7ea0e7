"""The stack of docker-compose.yml: small unless asked, in order, and about programs that there are."""

import re
import shutil
import subprocess

import pytest
import yaml
from django.core.management import get_commands

from pacs_portal.tests.manifests import PROGRAMS, ROOT

STACK = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = STACK["services"]
NGINX = (ROOT / "compose" / "nginx.conf").read_text()
ENDS = {"migrate", "certificate"}
# Their images hold one program and no shell to ask with.
CANNOT_BE_ASKED = {"postgres-exporter", "redis-exporter", "node-exporter"}
OURS = {"web", "web-2", "migrate"}


def test_the_file_keeps_to_the_schema_of_compose():
    done = subprocess.run(
        [PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec",
         ROOT / "docker-compose.yml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout


def test_the_small_stack_is_database_pooler_migrations_and_one_web():
    small = {name for name, service in SERVICES.items() if "profiles" not in service}

    assert small == {"postgres", "pgcat", "migrate", "web"}


def test_the_profiles_bring_all_the_rest():
    profiles = {}
    for name, service in SERVICES.items():
        for profile in service.get("profiles", []):
            profiles.setdefault(profile, set()).add(name)

    assert profiles == {
        "proxy": {"certificate", "nginx", "web-2"},
        "redis": {"redis"},
        "s3": {"minio"},
        "peers": {"orthanc"},
        "metrics": {
            "prometheus", "grafana", "postgres-exporter", "redis-exporter", "node-exporter", "redis",
        },
    }  # fmt: skip


def test_the_portal_is_at_the_two_addresses_that_were_promised():
    assert SERVICES["web"]["ports"] == ["127.0.0.1:8000:8000", "127.0.0.1:4200:8000"]


def test_nobody_else_reaches_what_has_demonstration_passwords():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert len(ports) == 7
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_everything_that_stays_says_whether_it_is_well():
    told = {name for name, service in SERVICES.items() if "healthcheck" in service}
    # The portal's own image does, in its Dockerfile.
    assert SERVICES.keys() - told == {"web", "web-2", "certificate"} | CANNOT_BE_ASKED
    assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()


def test_everything_starts_after_what_it_needs_is_ready():
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            ready = "service_completed_successfully" if needed in ENDS else "service_healthy"
            assert how["condition"] == ready, (name, needed)
            profiles = set(SERVICES[needed].get("profiles", []))
            assert not profiles or set(service["profiles"]) <= profiles, (name, needed)


def test_migrations_seeding_and_users_come_before_the_first_request():
    script = SERVICES["migrate"]["command"][-1]
    commands = re.findall(r"manage\.py (\w+)", script)

    assert commands == ["migrate", "seed", "fold_rollups", "create_demo_users"]
    assert set(commands) <= set(get_commands())
    assert "@postgres:5432" in SERVICES["migrate"]["environment"]["DATABASE_URL"]
    assert "@pgcat:6432" in SERVICES["web"]["environment"]["DATABASE_URL"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_portal_runs_without_privileges_on_a_root_that_is_read_only(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_no_image_has_a_tag_that_moves():
    assert not [
        name for name, s in SERVICES.items() if not re.search(r":[^:]+$", s["image"])
        or s["image"].endswith(":latest")
    ]  # fmt: skip


def test_every_file_that_is_mounted_is_there():
    mounted = re.findall(r"- (\./[^:]+):", (ROOT / "docker-compose.yml").read_text())

    assert len(mounted) == 4
    assert all((ROOT / path).is_file() for path in mounted)


def test_prometheus_asks_only_services_that_there_are():
    scraped = yaml.safe_load((ROOT / "compose" / "prometheus.yml").read_text())["scrape_configs"]
    targets = {t for job in scraped for c in job["static_configs"] for t in c["targets"]}

    assert {target.split(":")[0] for target in targets} <= set(SERVICES)
    assert "pgcat:9930" in targets


@pytest.mark.peer
def test_nginx_takes_its_configuration(tmp_path):
    for name in ("tls", "mime.types"):
        (tmp_path / name).mkdir() if name == "tls" else shutil.copy(f"/etc/nginx/{name}", tmp_path)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
         "-keyout", tmp_path / "tls/portal.key", "-out", tmp_path / "tls/portal.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    # The names are those of the services' network.
    (tmp_path / "nginx.conf").write_text(re.sub(r"server web(-2)?:", "server 127.0.0.1:", NGINX))

    done = subprocess.run(
        ["/usr/sbin/nginx", "-t", "-q", "-p", tmp_path, "-c", tmp_path / "nginx.conf"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "line",
    [
        "ssl_protocols TLSv1.2 TLSv1.3;",
        "ssl_ciphers 'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256';",
        "ssl_prefer_server_ciphers on;",
        "ssl_session_cache shared:SSL:10m;",
        "ssl_session_timeout 10m;",
        'add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;',
    ],
)
def test_nginx_has_the_tls_settings_that_were_promised(line):
    assert line in NGINX


def test_the_log_of_nginx_holds_no_query_string():
    (form,) = re.findall(r"log_format \w+ '(.*)';", NGINX)

    assert not re.search(r"\$(request|request_uri|args|query_string|http_referer)\b", form)
    assert "access_log /dev/stdout paths;" in NGINX


def test_nginx_leaves_a_server_that_drains_or_died():
    servers = re.findall(r"server (web\S*):8000 (.*);", NGINX)

    assert servers == [(n, "max_fails=1 fail_timeout=1s") for n in ("web", "web-2")]
    assert "proxy_next_upstream error timeout http_503;" in NGINX
