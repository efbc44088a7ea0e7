"""The list of one's own sessions."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

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


def _ended(request: HttpRequest, number: int) -> HttpResponse:
    if number == 1:
        messages.success(request, "One session was ended.")
    else:
        messages.success(request, f"{number} sessions were ended.")
    return redirect("sessions")
