"""People who sign in. What they may do follows from their roles, see `accounts.roles`."""

from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """One person, never shared; our own model so that columns can be added later."""
