"""Every address of the portal × who asks × whose study it is, and the documented answer.

`test_permissions.py` asks for each of them, and fails while one is missing here. The tables of
docs/access.md are written from this: `python -m studies.tests.addresses`.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "access.md"
OWN, FOREIGN, NONE = "1.2.3", "4.5.6", "7.8.9"

NOBODY, NO_ROLE = "nobody", "no role"
LINK, PLAIN_LINK = "link", "link without identity"
SEES_ALL = frozenset({"radiologist", "technologist", "data steward", "administrator"})
ROLES = ("clinician", "radiologist", "technologist", "data steward", "administrator", "operator")
WHO = (NOBODY, NO_ROLE, *ROLES, LINK, PLAIN_LINK)

EVERYBODY = frozenset({*ROLES, NO_ROLE})
READERS = SEES_ALL | {"clinician"}
STORE = frozenset({"technologist", "data steward", "administrator"})
DELETE = frozenset({"data steward", "administrator"})
REPORT = frozenset({"radiologist"})
ANNOTATE = frozenset({"clinician", "radiologist", "technologist"})
SHARE = frozenset({"radiologist", "data steward", "administrator"})
ANALYTICS = SHARE | {"operator"}
BREAK_GLASS = frozenset({"clinician", "radiologist"})


@dataclass(frozen=True, slots=True)
class Address:
    """One method of one pattern.

    Attributes:
        method: Of HTTP.
        route: As the resolver has it.
        path: What is asked for, with `{study}` for the UID of the study, `{patient}` for the
            archive's own number of its patient.
        may: The roles that get it, of a study that they may see.
        answer: Their status.
        refused: That of other roles, who may see the study.
        asks_role_first: Whether others are refused before the study is looked up.
        makes_study: Whether it takes a study that is not there, or is of somebody else.
        link: Which visitors get it: LINK, PLAIN_LINK for those without identity as well.
        is_open: Whether it is there without sign-in.
        says: The status where it is not `answer`, by who asks.
        body: Of the request, with `{study}` likewise.
        headers: Of the request.
    """

    method: str
    route: str
    path: str
    may: frozenset[str] = READERS
    answer: int = 200
    refused: int = 403
    asks_role_first: bool = False
    makes_study: bool = False
    link: str = ""
    is_open: bool = False
    says: dict[str, int] = field(default_factory=dict)
    body: dict[str, Any] | str = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_of_a_study(self) -> bool:
        return ("{study}" in self.path or "{patient}" in self.path) and not self.makes_study

    @property
    def studies(self) -> tuple[str, ...]:
        """Of whose it is asked for."""
        return (OWN, FOREIGN, NONE) if self.is_of_a_study or self.makes_study else (OWN,)

    @property
    def is_of_programs(self) -> bool:
        return self.route.startswith(("api/", "dicom-web/"))

    def expected(self, who: str, study: str) -> int:
        """The status of the answer."""
        if who in self.says or self.is_open:
            return self.says.get(who, self.answer)
        if who in (NOBODY, LINK, PLAIN_LINK):
            return self.answer if self._is_linked(who, study) else self._not_for(who)
        if self.asks_role_first and who not in self.may:
            return self.refused
        if self.is_of_a_study and not sees(who, study):
            return 404
        return self.answer if who in self.may else self.refused

    def _is_linked(self, who: str, study: str) -> bool:
        is_theirs = study == OWN or not self.is_of_a_study
        return who != NOBODY and is_theirs and self.link in (who, PLAIN_LINK)

    def _not_for(self, who: str) -> int:
        """A page asks whoever has no account to sign in."""
        if not self.is_of_programs:
            return 302
        return 401 if who == NOBODY else 404


def sees(who: str, study: str) -> bool:
    """Whether somebody may see one of the three studies."""
    if who in SEES_ALL:
        return study != NONE
    return study == OWN and who in ("clinician", LINK, PLAIN_LINK)


_STUDY = "studies/<uid:study>"
_SERIES = f"{_STUDY}/series/<uid:series>"
_INSTANCE = f"{_SERIES}/instances/<uid:instance>"
_PATHS = {
    "<uid:study>": "{study}", "<uid:series>": "{study}.9", "<uid:instance>": "{study}.9.1",
    "<str:frames>": "1", "<str:tag>": "7FE00010",
}  # fmt: skip


def _path(route: str) -> str:
    for converter, value in _PATHS.items():
        route = route.replace(converter, value)
    return f"/{route}"


def _get(route: str, path: str = "", **says: Any) -> Address:
    return Address("GET", route, path or _path(route), **says)


def _dicomweb(route: str, link: str = "") -> Address:
    return _get(f"dicom-web/{route}", headers={"accept": "*/*"}, link=link)


def _delete(route: str) -> Address:
    route = f"dicom-web/{route}"
    why = {"Deletion-Reason": "A test"}
    return Address(
        "DELETE", route, _path(route), DELETE, 204, asks_role_first=True, headers=why
    )  # fmt: skip


def _store(route: str) -> Address:
    route = f"dicom-web/{route}"
    return Address(
        "POST", route, _path(route), STORE, asks_role_first=True, makes_study=True, body="{study}"
    )


def _change(method: str, route: str, may: frozenset[str], answer: int, **says: Any) -> Address:
    return Address(method, route, _path(route), may, answer, **says)


_REPORT = f"api/{_STUDY}/report/"
_LENGTH = {
    "kind": "length", "tracking_uid": "2.25.1", "label": "", "frame": 1,
    "sop_instance_uid": "{study}.9.1", "points": [[0, 0], [1, 1]],
    "values": [{"quantity": "length", "value": 1, "unit": "mm"}],
}  # fmt: skip
_GRANT = {"do": "grant", "grant-username": "consultant", "grant-reason": "A consultation"}
_SHARE = {"do": "share", "share-recipient": "A colleague", "share-days": "1"}
_URGENT = {"act": "prioritise", "priority": "urgent"}
_NOT_LINKED = dict.fromkeys((LINK, PLAIN_LINK), 404)
_ALL = dict.fromkeys((LINK, PLAIN_LINK, NOBODY), 200)

ADDRESSES = (
    # pages
    _get("", may=EVERYBODY),
    _get("notifications/", may=EVERYBODY),
    Address("POST", "notifications/", "/notifications/", EVERYBODY, 302, body={"id": "all"}),
    _get(f"{_STUDY}/"),
    _get(f"{_STUDY}/view/", link=PLAIN_LINK),
    _get(f"{_STUDY}/documents/<uid:series>/<uid:instance>/", link=LINK),
    _get(f"{_STUDY}/documents/<uid:series>/<uid:instance>/file/", link=LINK),
    _change("POST", f"{_STUDY}/follow/", READERS, 302, body={"follow": "yes"}),
    _get(f"{_STUDY}/access/", may=SHARE),
    _change("POST", f"{_STUDY}/access/", SHARE, 302, body=_GRANT),
    _change("POST", f"{_STUDY}/access/", SHARE, 200, body=_SHARE),
    _get("emergency/", may=BREAK_GLASS),
    Address("POST", "emergency/", "/emergency/", BREAK_GLASS, 200, body={"number": "x"}),
    Address("POST", "emergency/<int:key>/end/", "/emergency/0/end/", frozenset(), refused=404),
    _get("share/<str:token>/", "/share/guessed/", answer=404, is_open=True),
    # the worklist
    _change("POST", "list/preference/", EVERYBODY, 302),
    _get("list/searches/", may=EVERYBODY),
    _change("POST", "list/searches/", EVERYBODY, 302, body={"default": ""}),
    _get("list/export.<str:form>", "/list/export.csv", may=SHARE, refused=404),
    Address(
        "POST",
        "list/chosen.<str:form>",
        "/list/chosen.csv",
        SHARE,
        refused=404,
        body={"study": OWN},
    ),
    _change("POST", "list/changes/", EVERYBODY, 200, body=_URGENT | {"study": FOREIGN}),
    _change("POST", f"{_STUDY}/worklist/", READERS, 302, body=_URGENT),
    _get("patients/<int:patient>/", "/patients/{patient}/"),
    # figures, of all studies together
    _get("analytics/", may=ANALYTICS),
    _get("api/analytics/<slug:chart>/", "/api/analytics/volume/", may=ANALYTICS),
    # accounts
    _get("accounts/login/", is_open=True, answer=302, says=_ALL),
    _get("accounts/signup/", is_open=True, answer=302, says=_ALL),
    _get("accounts/logout/", is_open=True, says=dict.fromkeys((LINK, PLAIN_LINK, NOBODY), 302)),
    _get("accounts/password/change/", may=EVERYBODY),
    _get("accounts/reauthenticate/", may=EVERYBODY),
    _get("accounts/sessions/", may=EVERYBODY),
    Address("POST", "accounts/sessions/<int:pk>/end/", "/accounts/sessions/0/end/", EVERYBODY, 302),
    _change("POST", "accounts/sessions/end-others/", EVERYBODY, 302),
    _get("accounts/second-factor/", may=EVERYBODY),
    _get("accounts/second-factor/code/", is_open=True, answer=302),
    # of who has no second factor, and has not typed the password just now
    _get("accounts/second-factor/confirm/", may=EVERYBODY, answer=302),
    _get("accounts/second-factor/set-up/", may=EVERYBODY, answer=302),
    _get("accounts/second-factor/remove/", may=EVERYBODY, answer=404),
    _get("accounts/recovery-codes/", may=EVERYBODY, answer=404),
    _get("accounts/recovery-codes/new/", may=EVERYBODY, answer=302),
    _get("accounts/password/reset/", is_open=True),
    _get("accounts/password/reset/sent/", is_open=True),
    _get("accounts/password/reset/done/", is_open=True),
    _get(
        r"accounts/^password/reset/(?P<uidb36>[0-9A-Za-z]{1,13})-(?P<key>[\w-]{1,100})/$",
        "/accounts/password/reset/1-guessed/",
        is_open=True,
    ),
    _get(".well-known/jwks.json", is_open=True),
    *(
        Address("POST", route, f"/{route}", is_open=True, answer=400, says=_NOT_LINKED)
        for route in ("api/token/", "api/token/refresh/", "api/token/revoke/")
    ),
    # the JSON API
    _get("api/health/", may=EVERYBODY),
    _get("api/schema/", may=EVERYBODY),
    _get("api/session/", may=EVERYBODY, link=PLAIN_LINK),
    _change("POST", "api/session/", EVERYBODY, 200),
    _get("api/dicom/dictionary/", may=EVERYBODY, link=PLAIN_LINK),
    _get("api/studies/", may=EVERYBODY),
    _change("POST", "api/studies/search/", EVERYBODY, 200, body={"patient_id": "MRN"}),
    _get("api/studies/changes/", "/api/studies/changes/?after=1:1:", may=EVERYBODY),
    _change("POST", f"api/{_STUDY}/acts/", READERS, 204, body={"act": "print"}, link=PLAIN_LINK),
    _get(f"api/{_STUDY}/"),
    _get(f"api/{_STUDY}/hanging/", link=PLAIN_LINK),
    _get(f"api/{_STUDY}/presentation/", link=PLAIN_LINK),
    _change("PUT", f"api/{_STUDY}/presentation/", READERS, 204),
    _change("DELETE", f"api/{_STUDY}/presentation/", READERS, 204),
    _get(f"api/{_STUDY}/measurements/", link=PLAIN_LINK),
    _change("POST", f"api/{_STUDY}/measurements/", ANNOTATE, 201, body={"measurements": [_LENGTH]}),
    _get(f"api/{_STUDY}/key-images/", link=PLAIN_LINK),
    _change(
        "POST",
        f"api/{_STUDY}/key-images/",
        ANNOTATE,
        201,
        body={"images": [{"sop_instance_uid": "{study}.9.1"}]},
    ),
    _get(_REPORT),
    _get(f"{_REPORT}templates/"),
    _get(f"{_REPORT}pdf/"),
    # of these studies it is signed already
    _change("PUT", _REPORT, REPORT, 409, body={"findings": "x", "version": None}),
    _change("DELETE", _REPORT, REPORT, 409, body={"version": None}),
    _change("POST", f"{_REPORT}signature/", REPORT, 409, body={"findings": "x", "version": None}),
    _change("POST", f"{_REPORT}addenda/", REPORT, 201, body={"number": 1, "text": "x"}),
    # DICOMweb
    _get("dicom-web/", may=EVERYBODY),
    _get("dicom-web/studies", may=EVERYBODY),
    _get("dicom-web/series", may=EVERYBODY),
    _get("dicom-web/instances", may=EVERYBODY),
    # of a study that one may not see, no series and no instances are found
    _get(f"dicom-web/{_STUDY}/series", may=EVERYBODY, link=PLAIN_LINK),
    _get(f"dicom-web/{_STUDY}/instances", may=EVERYBODY),
    _get(f"dicom-web/{_SERIES}/instances", may=EVERYBODY),
    _store("studies"),
    _store(_STUDY),
    *(_delete(route) for route in (_STUDY, _SERIES, _INSTANCE)),
    _dicomweb(_STUDY),
    _dicomweb(_SERIES),
    _dicomweb(_INSTANCE, LINK),
    _dicomweb(f"{_STUDY}/metadata"),
    _dicomweb(f"{_SERIES}/metadata", PLAIN_LINK),
    _dicomweb(f"{_INSTANCE}/metadata", LINK),
    _dicomweb(f"{_INSTANCE}/frames/<str:frames>", PLAIN_LINK),
    _dicomweb(f"{_STUDY}/bulkdata"),
    _dicomweb(f"{_SERIES}/bulkdata"),
    _dicomweb(f"{_INSTANCE}/bulkdata"),
    _dicomweb(f"{_INSTANCE}/bulkdata/<str:tag>", LINK),
    _dicomweb(f"{_STUDY}/pixeldata"),
    _dicomweb(f"{_SERIES}/pixeldata"),
    _dicomweb(f"{_INSTANCE}/pixeldata"),
    _dicomweb(f"{_STUDY}/rendered"),
    _dicomweb(f"{_SERIES}/rendered"),
    _dicomweb(f"{_INSTANCE}/rendered", LINK),
    _dicomweb(f"{_INSTANCE}/frames/<str:frames>/rendered", LINK),
    _dicomweb(f"{_STUDY}/thumbnail"),
    _dicomweb(f"{_SERIES}/thumbnail", PLAIN_LINK),
    _dicomweb(f"{_INSTANCE}/thumbnail"),
    _dicomweb(f"{_INSTANCE}/frames/<str:frames>/thumbnail"),
    _get(
        "dicom-web/wado-uri",
        "/dicom-web/wado-uri?requestType=WADO&studyUID={study}&seriesUID={study}.9"
        "&objectUID={study}.9.1",
    ),
)

# Searches below a study answer 200 with nothing in it.
SEARCHES = {
    f"dicom-web/{route}"
    for route in (f"{_STUDY}/series", f"{_STUDY}/instances", f"{_SERIES}/instances")
}

# Model of the administration → who views it there, of those who work there.
ADMINISTRATION = {
    **dict.fromkeys(
        (
            "studies.patient", "studies.study", "studies.series", "studies.instance",
            "studies.storedobject", "studies.instanceconflict", "studies.quarantinedinput",
            "studies.deletion", "studies.deletedinstance", "studies.report", "studies.addendum",
            "studies.site", "studies.studygrant", "studies.emergencyaccess", "studies.sharelink",
            "studies.referringname", "studies.reporttemplate",
            "studies.tag", "monitoring.auditevent",
        ),
        DELETE,
    ),
    **dict.fromkeys(
        (
            "studies.studyscope", "studies.hangingprotocol", "accounts.user", "accounts.apitoken",
            "accounts.grant",
        ),
        frozenset({"administrator"}),
    ),
    **dict.fromkeys(
        (
            "auth.group", "account.emailaddress", "mfa.authenticator",
            "socialaccount.socialapp", "socialaccount.socialtoken", "socialaccount.socialaccount",
        ),
        frozenset(),
    ),
}  # fmt: skip


# --- The document --------------------------------------------------------------------------------

_MARKS = ("<!-- written by studies/tests/addresses.py -->\n", "<!-- end -->\n")


def tables() -> str:
    """The answers in Markdown: of a study one may see, then of one that one may not."""
    lines = ["| | " + " | ".join(WHO) + " |", "|---" * (len(WHO) + 1) + "|"]
    for address in ADDRESSES:
        route = re.sub("<[a-z]+:([a-z]+)>", r"{\1}", address.route)
        lines.append(
            f"| {address.method} `/{route}` | {' | '.join(_cell(address, who) for who in WHO)} |"
        )
    lines += ["", "| In the administration | data steward | administrator |", "|---|---|---|"]
    for model, may in ADMINISTRATION.items():
        answers = ("200" if role in may else "403" for role in ("data steward", "administrator"))
        lines.append(f"| `{model}` | {' | '.join(answers)} |")
    return "\n".join(lines) + "\n"


def _cell(address: Address, who: str) -> str:
    own, foreign = (str(address.expected(who, study)) for study in (OWN, FOREIGN))
    return own if own == foreign else f"{own}, {foreign}"


def with_tables(text: str) -> str:
    """The document with the tables as they are now between its marks."""
    before, _, rest = text.partition(_MARKS[0])
    _, _, after = rest.partition(_MARKS[1])
    return before + _MARKS[0] + "\n" + tables() + "\n" + _MARKS[1] + after


if __name__ == "__main__":
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text()))
