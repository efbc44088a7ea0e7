"""What the audit trail costs a request, as the ratio of the time with it to the time without it.

    .venv/bin/python -m bench.audit [REQUESTS]

Runs on an embedded PostgreSQL of its own in a temporary directory, through Django's test client: no
server and no network, so that the ratio is the largest that anybody meets. Rounds of both take
turns; the medians are compared. `again` asks for a frame of which the process remembers that it was
read.
"""

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROUNDS = 7
STUDY = "/dicom-web/studies/1.2.3"
FRAME = f"{STUDY}/series/1.2.3.9/instances/1.2.3.4/frames/1"
REQUESTS = {
    "study page": "/studies/1.2.3/",
    "study list": "/?all=1",
    "QIDO-RS, studies": "/dicom-web/studies",
    "ZIP of a study": f"{STUDY}?accept=application/zip",
    "frame, again": FRAME,
}


def main(number: int) -> None:
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    client = _client()
    print("| request | ms without | ms with | ratio |\n|---|---|---|---|")
    for name, path in REQUESTS.items():
        with_trail, without = [], []
        for _ in range(ROUNDS):
            with_trail.append(_milliseconds(client, path, number))
            with _no_trail():
                without.append(_milliseconds(client, path, number))
        pair = statistics.median(without), statistics.median(with_trail)
        print(f"| {name} | {pair[0]:.2f} | {pair[1]:.2f} | {pair[1] / pair[0]:.2f} |")
    _time_the_statement(number)


def _client() -> "object":
    import io  # noqa: PLC0415

    from django.contrib.auth import get_user_model  # noqa: PLC0415
    from django.contrib.auth.models import Group  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from studies.ingest import Provenance, store_instance  # noqa: PLC0415
    from studies.models import Source  # noqa: PLC0415
    from studies.tests.builders import make_file  # noqa: PLC0415

    store_instance(io.BytesIO(make_file()), provenance=Provenance(Source.IMPORT))
    user = get_user_model().objects.create_user("reader")
    user.groups.add(Group.objects.get(name="radiologist"))
    client = Client(headers={"accept": "*/*"})
    client.force_login(user)
    return client


def _milliseconds(client: "object", path: str, number: int) -> float:
    started = time.perf_counter()
    for _ in range(number):
        response = client.get(path)
        assert response.status_code == 200, (path, response.status_code)
        if response.streaming:
            b"".join(response)
    return (time.perf_counter() - started) * 1000 / number


@contextlib.contextmanager
def _no_trail() -> Iterator[None]:
    """As if nobody had written it: acts are told to nobody."""
    from monitoring.audit import recording  # noqa: PLC0415

    write: Callable[..., None] = recording.write
    recording.write = lambda *_: None  # type: ignore[assignment]
    try:
        yield
    finally:
        recording.write = write


def _time_the_statement(number: int) -> None:
    """An insert of one event alone, chained, in a transaction of its own."""
    from accounts.acts import Act, Action, note  # noqa: PLC0415

    started = time.perf_counter()
    for _ in range(number):
        note(Act(action=Action.VIEW, what="study read", study_uids=["1.2.3"]))
    print(f"\nOne event alone: {(time.perf_counter() - started) * 1000 / number:.2f} ms")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "pacs_portal.settings_test",
            "PACS_VAR_DIR": str(Path(directory)),
        }
        import django

        django.setup()
        from django.conf import settings

        settings.ALLOWED_HOSTS = ["testserver"]
        settings.PACS_RATE_LIMITS = dict.fromkeys(settings.PACS_RATE_LIMITS, (0, 60))
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
