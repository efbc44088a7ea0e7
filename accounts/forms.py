"""Forms of allauth's pages, where our own limits and rules apply."""

from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms

from accounts import attempts, second_factor
from accounts.answers import too_many_requests
from accounts.models import User


class _Checked:
    """A code is checked under a lock and a limit that all replicas share."""

    user: User
    cleaned_data: dict[str, str]

    def clean_code(self) -> str:
        account = f"code:{self.user.pk}"
        if wait := attempts.begin(context.request, account):
            raise ImmediateHttpResponse(too_many_requests(context.request, wait))
        code = self.cleaned_data["code"]
        self.authenticator = second_factor.check(self.user, code)
        if self.authenticator is None:
            attempts.failed("wrong code", self.user)
            raise get_adapter().validation_error("incorrect_code")
        attempts.succeeded(context.request, account)
        return code


class CodeForm(_Checked, forms.AuthenticateForm):
    pass


class ReauthenticateForm(_Checked, forms.ReauthenticateForm):
    pass
