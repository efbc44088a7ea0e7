"""People who sign in, and the tokens of the machines that act for them.

What a person may do follows from their roles, see `accounts.roles`; a token may do the same.
"""

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """One person, never shared; our own model so that columns can be added later."""

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

    class Meta:
        verbose_name = "API token"
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="api_token_digest_is_unique"),
            models.CheckConstraint(condition=~models.Q(name=""), name="an_api_token_has_a_name"),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… {self.name}"
