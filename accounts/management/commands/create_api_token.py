"""A token for a program, for those who run the portal."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Scope, User
from accounts.tokens import create_token


class Command(BaseCommand):
    help = (
        "Create an API token with which a program acts as a user, and print it, once. "
        "Example: manage.py create_api_token ct-scanner-2 --name 'Orthanc in radiology' --days 365"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="user name; the token may do what this user may do")
        parser.add_argument("--name", required=True, help="what will use the token, and where")
        parser.add_argument("--days", type=int, help="days until it expires; without it, never")
        parser.add_argument(
            "--scopes",
            nargs="+",
            choices=list(Scope),
            default=list(Scope),
            help="what it is for, of that which the user may do; without it, everything",
        )

    def handle(
        self, *, user: str, name: str, days: int | None, scopes: list[str], **_options: Any
    ) -> None:
        if days is not None and not 0 < days < 36_500:  # noqa: PLR2004 - a hundred years
            raise CommandError("--days must be a number of days from 1 to 36499.")
        if not 0 < len(name.strip()) <= 100:  # noqa: PLR2004 - as the column
            raise CommandError("--name must say in 1 to 100 characters what will use the token.")
        try:
            owner = User.objects.get(username=user, is_active=True)
        except User.DoesNotExist:
            raise CommandError(f"There is no active user {user}.") from None
        lifetime = timedelta(days=days) if days else None
        _, text = create_token(owner, name=name.strip(), lifetime=lifetime, scopes=scopes)
        self.stdout.write(text)
