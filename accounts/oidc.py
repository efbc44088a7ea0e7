"""Sign-in by the OpenID Connect provider of the hospital, where one is configured.

Who comes is known by the provider's subject. At the first time an account is looked for by e-mail
address, but only by one that the provider has verified: with an address that anybody may type
there, anybody could take over an account. Whoever has none gets a new one, with no role but those
that the provider's claim is mapped to.
"""

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import redirect

from accounts import attempts
from accounts.models import User
from accounts.roles import Role

PROVIDER_FAILED = "Single sign-on did not work. Try again, or sign in with a password."


class Adapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:  # noqa: ARG002
        """The provider says who works here."""
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Whose account it is, before anybody is signed in."""
        data = sociallogin.account.extra_data
        subjects = {data.get(part, {}).get("sub") for part in ("id_token", "userinfo")}
        # OpenID Connect Core 5.3.2: else the answer is about somebody else.
        if len(subjects) != 1 or None in subjects or sociallogin.state.get("process") != "login":
            self.on_authentication_error(request)
        with transaction.atomic():
            if not sociallogin.is_existing and (email := _email(sociallogin)):
                _link(request, sociallogin, email)
            if sociallogin.is_existing:
                set_roles(sociallogin.user, _claims(sociallogin))

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        if _claims(sociallogin).get("email_verified") is not True:
            sociallogin.user.email, sociallogin.email_addresses = "", []
        with transaction.atomic():
            user: User = super().save_user(request, sociallogin, form)
            set_roles(user, _claims(sociallogin))
        return user

    def on_authentication_error(self, request: HttpRequest, *_details: Any, **_more: Any) -> None:
        attempts.failed("single sign-on failed", None)
        raise _back_to_sign_in(request, PROVIDER_FAILED)


def set_roles(user: User, claims: dict[str, Any]) -> None:
    """Give and take the roles that the claim decides on; others stay as administrators set them."""
    mapped = {Role(role) for role in settings.PACS_OIDC_ROLES.values()}
    if not mapped:
        return
    said = claims.get(settings.PACS_OIDC_ROLES_CLAIM) or []
    values = {said} if isinstance(said, str) else {str(value) for value in said}
    wanted = {role for value, role in settings.PACS_OIDC_ROLES.items() if value in values}
    present = set(user.groups.filter(name__in=mapped).values_list("name", flat=True))
    user.groups.add(*Group.objects.filter(name__in=wanted - present))
    user.groups.remove(*Group.objects.filter(name__in=present - wanted))


def _link(request: HttpRequest, sociallogin: Any, email: str) -> None:
    """Connect the account that has this address, if it is that person's beyond doubt."""
    known = list(User.objects.filter(email__iexact=email)[:2])
    if not known:
        return
    (user, *others) = known
    is_taken = SocialAccount.objects.filter(
        user=user, provider=sociallogin.account.provider
    ).exists()
    if (
        others
        or is_taken
        or not user.is_active
        or user.is_superuser
        or _claims(sociallogin).get("email_verified") is not True
    ):
        attempts.failed("single sign-on met an account that is not linked", user)
        raise _back_to_sign_in(
            request,
            "There is an account with your e-mail address, but it cannot be linked to your "
            "single sign-on. Sign in with its password, or ask an administrator.",
        )
    sociallogin.connect(request, user)


def _claims(sociallogin: Any) -> dict[str, Any]:
    data = sociallogin.account.extra_data
    claims: dict[str, Any] = {**data.get("id_token", {}), **data.get("userinfo", {})}
    return claims


def _email(sociallogin: Any) -> str:
    return str(_claims(sociallogin).get("email") or "")


def _back_to_sign_in(request: HttpRequest, sentence: str) -> ImmediateHttpResponse:
    messages.error(request, sentence)
    return ImmediateHttpResponse(redirect("account_login"))
