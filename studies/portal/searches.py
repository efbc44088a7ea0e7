"""Searches for a patient, remembered in the session so that no address holds patient data."""

import secrets

from django.http import HttpRequest, QueryDict

from studies.filters import PATIENT_FIELDS

_KEPT = 20
_SESSION_KEY = "patient_searches"


def remember(request: HttpRequest, data: QueryDict) -> str:
    """Keep what the form says of the patient; returns the query string that stands for it all."""
    address = QueryDict(mutable=True)
    for name, values in data.lists():
        if name not in (*PATIENT_FIELDS, "q", "csrfmiddlewaretoken") and any(values):
            address.setlist(name, [value for value in values if value])
    said = {name: str(data.get(name, "")).strip() for name in PATIENT_FIELDS}
    patient = {name: value for name, value in said.items() if value}
    if patient:
        address["q"] = _keep(request, patient)
    return address.urlencode()


def _keep(request: HttpRequest, patient: dict[str, str]) -> str:
    searches = request.session.get(_SESSION_KEY, {})
    token = next((t for t, known in searches.items() if known == patient), secrets.token_urlsafe(6))
    searches = {t: s for t, s in searches.items() if t != token} | {token: patient}
    request.session[_SESSION_KEY] = dict(list(searches.items())[-_KEPT:])
    return token


def recall(request: HttpRequest) -> QueryDict | None:
    """The whole search that an address stands for; None if it is of another session."""
    data = request.GET.copy()
    token = data.get("q")
    if not token:
        return data
    patient = request.session.get(_SESSION_KEY, {}).get(token)
    if patient is None:
        return None
    data.update(patient)
    return data
