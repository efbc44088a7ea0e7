"""Searches for a patient, remembered in the session so that no address holds patient data."""

import secrets

from django.http import HttpRequest, QueryDict

from studies import saved_searches
from studies.filters import PATIENT_FIELDS, words_of
from studies.search_words import without

_KEPT = 20
_SESSION_KEY = "patient_searches"
# What stands in an address for a search: the session's, and one that was saved.
TOKEN, SAVED = "q", "saved"
_NOT_KEPT = {*PATIENT_FIELDS, TOKEN, SAVED, "remove", "csrfmiddlewaretoken"}


def row_key(text: str) -> int | None:
    """A key of a table as an address writes it; None where it can be none."""
    return int(text) if text.isdecimal() and len(text) < 19 else None  # noqa: PLR2004 - bigint


def remember(request: HttpRequest, data: QueryDict) -> str:
    """Keep what the form says of the patient; returns the query string that stands for it all."""
    address = QueryDict(mutable=True)
    for name, values in data.lists():
        if name not in _NOT_KEPT and any(values):
            address.setlist(name, [value for value in values if value])
    said = {name: str(data.get(name, "")).strip() for name in PATIENT_FIELDS}
    said["text"] = _without_removed(said["text"], data.get("remove", ""))
    patient = {name: value for name, value in said.items() if value}
    if patient:
        address[TOKEN] = _keep(request, patient)
    return address.urlencode() or "all=1"


def _without_removed(text: str, number: str) -> str:
    """The text of the search box without the word whose chip was taken away."""
    words = words_of(text)
    if number.isdecimal() and int(number) < len(words):
        return without(text, words[int(number)])
    return text


def _keep(request: HttpRequest, patient: dict[str, str]) -> str:
    searches = request.session.get(_SESSION_KEY, {})
    token = next((t for t, known in searches.items() if known == patient), secrets.token_urlsafe(6))
    searches = {t: s for t, s in searches.items() if t != token} | {token: patient}
    request.session[_SESSION_KEY] = dict(list(searches.items())[-_KEPT:])
    return token


def recall(request: HttpRequest, address: QueryDict) -> QueryDict | None:
    """The whole search that an address stands for; None if it is of another session.

    Raises:
        NotFoundError: If it was saved, and is not there for this person any more.
    """
    data = address.copy()
    if (saved := row_key(data.get(SAVED, ""))) is not None:
        for name, values in saved_searches.find(request.user, saved).parameters.items():
            if name not in data:
                data.setlist(name, values)
    token = data.get(TOKEN)
    if not token:
        return data
    patient = request.session.get(_SESSION_KEY, {}).get(token)
    if patient is None:
        return None
    data.update(patient)
    return data
