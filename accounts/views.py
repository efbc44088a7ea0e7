"""The list of one's own sessions, and the way to single sign-on."""

from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from requests import RequestException

from accounts.oidc import PROVIDER_FAILED
from accounts.sessions import end_sessions, sessions_of


@require_safe
def sessions(request: HttpRequest) -> HttpResponse:
    """Where I am signed in, and when that was last used."""
    found = sessions_of(request.user)[:100]
    context = {"sessions": found, "mine": request.session.session_key}
    return render(request, "account/sessions.html", context)


@require_POST
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign out elsewhere; of others nothing is found, and nothing is done."""
    return _ended(request, end_sessions(sessions_of(request.user).filter(pk=pk), because="asked"))


@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    others = sessions_of(request.user).exclude(session_key=request.session.session_key)
    return _ended(request, end_sessions(others, because="asked"))


@login_not_required
@require_safe
def sign_in_by_provider(request: HttpRequest, provider_id: str) -> HttpResponse:
    """To the OpenID Connect provider; back to our own sign-in page where it does not answer."""
    try:
        response: HttpResponse = openid_connect.login(request, provider_id)
    except RequestException:
        messages.error(request, PROVIDER_FAILED)
        return redirect("account_login")
    return response


def _ended(request: HttpRequest, number: int) -> HttpResponse:
    if number == 1:
        messages.success(request, "One session was ended.")
    else:
        messages.success(request, f"{number} sessions were ended.")
    return redirect("sessions")
