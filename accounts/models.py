"""People who sign in, where they are signed in, and the tokens of what acts for them.

What a person may do follows from their roles, see `accounts.roles`; a token may do the same, within
its scopes.
"""

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class Scope(models.TextChoices):
    """What a token is for: a part of what its user may do."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"


def all_scopes() -> list[str]:
    return list(Scope.values)


@dataclass(frozen=True)
class TokenInUse:
    """The token that a program shows in a user's stead: its name, and what it is for."""

    name: str
    scopes: frozenset[str]


class User(AbstractUser):
    """One person, never shared; our own model so that columns can be added later."""

    # Of the present request, where a program acts.
    token: TokenInUse | None = None

    @property
    def display_name(self) -> str:
        """As others read it beside what this person wrote."""
        return self.get_full_name() or self.get_username()


class ApiToken(models.Model):
    """A secret with which a program acts as a user; its digest is kept, so it is shown once."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=100, help_text="What uses it, and where.")
    digest = models.CharField("SHA-256", max_length=64)
    prefix = models.CharField(max_length=16, help_text="How the token begins, to tell it by.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Never, where empty.")
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To a minute or so.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    scopes = ArrayField(
        models.CharField(max_length=10, choices=Scope),
        default=all_scopes,
        db_default=Scope.values,
        help_text="What of that which its user may do.",
    )

    class Meta:
        verbose_name = "API token"
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="api_token_digest_is_unique"),
            models.CheckConstraint(condition=~models.Q(name=""), name="an_api_token_has_a_name"),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… {self.name}"


class SignedIn(models.Model):
    """Where somebody is signed in: what they read of a session, to tell it from the others.

    Of a session of Django's by its key, without a foreign key: a portal of the release before this
    one deletes sessions and knows nothing of these rows.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="signed_in"
    )
    session_key = models.CharField(max_length=40, unique=True)
    device = models.CharField("User-Agent", max_length=300, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    signed_in_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(db_default=Now(), help_text="To a minute or so.")


class Grant(models.Model):
    """What a program got for a name and a password: refresh tokens that follow one another.

    One refresh token is good at a time. Whoever shows an earlier one has stolen it, or was stolen
    from: then the whole grant ends, with every access token of it.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="grants"
    )
    name = models.CharField(max_length=100, help_text="What uses it, and where.")
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope))
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_because = models.CharField(max_length=100, blank=True)

    def __str__(self) -> str:
        return self.name


class RefreshToken(models.Model):
    """One of a grant's; its digest is kept."""

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="refresh_tokens")
    digest = models.CharField("SHA-256", max_length=64, unique=True)
    created_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(null=True)


class LimitedUse(models.Model):
    """How often a limit was used since its period began; a crash may forget it, see `limits`."""

    key = models.CharField("SHA-256 of limit and user", max_length=64, primary_key=True)
    uses = models.IntegerField()
    ends_at = models.DateTimeField(db_index=True)
