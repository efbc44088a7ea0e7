"""Metadata that were compressed in parts, as a browser and curl read them."""

import json
import shutil
import subprocess

import psycopg
import pytest

from pacs_portal.tests.running_portal import DATABASE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

READ = """async (address) => {
    const response = await fetch(address, { headers: { Accept: "application/dicom+json" } });
    return [response.headers.get("Content-Encoding"), (await response.json()).length];
}"""


@pytest.fixture
def study(portal):
    """UID and number of instances of a study of several series."""
    with psycopg.connect(portal.database.conninfo(DATABASE)) as connection:
        return connection.execute(
            "SELECT study_instance_uid, number_of_study_related_instances FROM studies_study"
            " ORDER BY number_of_study_related_series DESC, id LIMIT 1"
        ).fetchone()


def test_a_browser_reads_the_metadata_of_all_series_of_a_study(page, study):
    uid, instances = study

    found = page.evaluate(READ, f"/dicom-web/studies/{uid}/metadata")

    assert found == ["gzip", instances]


@pytest.mark.skipif(not shutil.which("curl"), reason="apt install curl")
def test_curl_reads_the_metadata_of_all_series_of_a_study(portal, study, make_token):
    uid, instances = study
    token = make_token("radiologist")
    address = f"{portal.url}/dicom-web/studies/{uid}/metadata"

    done = subprocess.run(
        ["curl", "--silent", "--fail", "--compressed", "--header", f"Authorization: Bearer {token}",
         address],
        capture_output=True, check=True,
    )  # fmt: skip

    assert len(json.loads(done.stdout)) == instances
