"""A program that fills the database of a portal for tests; one, for each has to load Django.

python -m pacs_portal.tests.fill_portal PHANTOMS PASSWORDS TOKENS FILE…
"""

import io
import json
import sys
from pathlib import Path

import django
from django.core.management import call_command

from studies.tests.drawn import taken_from

SEEDED = 300  # studies: enough for every modality to be among them


def main(phantoms: str, passwords: str, tokens: str, *files: str) -> None:
    """The phantoms are drawn already; a token is made for each user who has a password."""
    django.setup()
    with taken_from(Path(phantoms)):
        call_command("seed", "--studies", str(SEEDED), "--until", "2026-03-01", "--noinput")
    call_command("import_dicom", *files)
    users = json.loads(Path(passwords).read_text())
    Path(tokens).write_text(json.dumps({user: _token_of(user) for user in users}))


def _token_of(user: str) -> str:
    written = io.StringIO()
    call_command("create_api_token", user, "--name", "tests", stdout=written)
    return written.getvalue().strip()


if __name__ == "__main__":
    main(*sys.argv[1:])
