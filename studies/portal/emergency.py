"""Break-glass: the page that opens a patient in an emergency, and the button that ends it."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts.acts import Act, Action, Outcome, note
from accounts.limits import retry_after
from studies import emergency, searches
from studies.access import may_break_glass
from studies.errors import InvalidAccessError, NotFoundError, NotPermittedError
from studies.models import EmergencyAccess
from studies.portal.forms import EmergencyForm


@require_http_methods(["GET", "HEAD", "POST"])
def open_emergency(request: HttpRequest) -> HttpResponse:
    if not may_break_glass(request.user):
        raise PermissionDenied
    form = EmergencyForm(request.POST or None)
    if form.is_valid():
        # Before anything is looked up: whoever tries numbers is to find out slowly.
        if seconds := retry_after("break_glass", str(request.user.pk)):
            return too_many_attempts(request, seconds)
        if access := _open(request, form):
            return redirect(_list_of(request, access))
    context = {"form": form, "minutes": settings.PACS_BREAK_GLASS_MINUTES}
    return render(request, "studies/emergency.html", context)


def _open(request: HttpRequest, form: EmergencyForm) -> EmergencyAccess | None:
    said = {name: form.cleaned_data[name] for name in ("number", "issuer", "reason")}
    try:
        return emergency.open_emergency(request.user, **said)
    except (InvalidAccessError, NotFoundError, NotPermittedError) as error:
        form.add_error(None, str(error))
        tried = Act(
            action=Action.BREAK_GLASS,
            what="emergency access refused",
            outcome=Outcome.REFUSED,
            detail=said,
        )
        note(tried)
        return None


def _list_of(request: HttpRequest, access: EmergencyAccess) -> str:
    """The study list of the patient, whose number no address holds."""
    search = QueryDict(mutable=True)
    search["patient_id"] = access.patient_record.patient_id
    return f"{reverse('studies:list')}?{searches.remember(request, search)}"


@require_POST
def end_emergency(request: HttpRequest, key: int) -> HttpResponse:
    try:
        emergency.end_emergency(request.user, key)
    except NotFoundError as error:
        raise Http404 from error
    messages.success(request, "The emergency access has ended.")
    return redirect("studies:list")


def too_many_attempts(request: HttpRequest, seconds: int) -> HttpResponse:
    response = render(request, "429.html", status=429)
    response.headers["Retry-After"] = str(seconds)
    return response
