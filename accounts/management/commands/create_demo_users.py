"""One user for each role, for demonstrations."""

import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.roles import WORK_IN_ADMIN, Role

ALREADY_THERE = "(already there)"


class Command(BaseCommand):
    help = (
        "Create one demonstration user for each role and print the passwords, once. "
        "Example: manage.py create_demo_users --reset-passwords"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--reset-passwords",
            action="store_true",
            help="give the users that are already there new passwords too, and print them",
        )

    def handle(self, *, reset_passwords: bool, **_options: Any) -> None:
        if not settings.PACS_DEMONSTRATION:
            raise CommandError(
                "Demonstration users are made only where PACS_DEMONSTRATION is true: "
                "in production, make each person's account in the admin."
            )
        with transaction.atomic():
            rows = [(role, *_ensure_user(role, reset=reset_passwords)) for role in Role]
        self.stdout.write(f"{'role':<16}{'user name':<16}password")
        for role, username, password in rows:
            self.stdout.write(f"{role:<16}{username:<16}{password or ALREADY_THERE}")


def _ensure_user(role: Role, *, reset: bool) -> tuple[str, str | None]:
    """User name, and the password if it was set now."""
    username = role.replace(" ", "-")
    user, created = get_user_model().objects.get_or_create(
        username=username,
        defaults={"first_name": "Demonstration", "last_name": role.capitalize()},
    )
    if not created and not reset:
        return username, None
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.is_staff = role in WORK_IN_ADMIN
    user.save()
    user.groups.set([Group.objects.get(name=role)])
    return username, password
