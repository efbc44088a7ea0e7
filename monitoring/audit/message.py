"""Events of the audit trail as the XML that PS3.15 A.5 prescribes."""

import base64
import socket
from collections.abc import Iterable, Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from accounts.acts import Action, Outcome
from monitoring.audit.codes import INDICATORS, MEANINGS
from monitoring.models import AuditEvent

# Not part of the schema, which knows messages only: a file of many needs a root.
_BEGINNING = '<?xml version="1.0" encoding="UTF-8"?>\n<AuditMessages>\n'
_END = "</AuditMessages>\n"
# Of a web server process (PS3.15 A.5.1.2.1).
_SOURCE_TYPE = "3"
_IP_ADDRESS = "2"  # NetworkAccessPointTypeCode
# ParticipantObjectTypeCode and -Role (PS3.15 A.5.1.1) with the ParticipantObjectIDTypeCode.
_PATIENT = ("1", "1", "2", "RFC-3881", "Patient Number")
_STUDY = ("2", "3", "110180", "DCM", "Study Instance UID")
_QUERY = ("2", "24", "10", "RFC-3881", "Search Criteria")
_AUDIT_LOG = ("2", "13", "12", "RFC-3881", "URI")
_OTHER = ("2", "4", "record", "99PACSPORTAL", "Record of the portal")


def write_messages(events: Iterable[AuditEvent]) -> Iterator[str]:
    """One document in pieces: AuditMessage elements, each of the schema of PS3.15 A.5.1.1."""
    yield _BEGINNING
    for event in events:
        yield f"{write_message(event)}\n"
    yield _END


def write_message(event: AuditEvent) -> str:
    """One AuditMessage, without the XML declaration."""
    return (
        f"<AuditMessage>{_identification(event)}{_participants(event)}{_source()}"
        f"{''.join(_objects(event))}</AuditMessage>"
    )


def _identification(event: AuditEvent) -> str:
    attributes = {
        "EventActionCode": event.event_action,
        "EventDateTime": event.occurred_at.isoformat(),
        "EventOutcomeIndicator": INDICATORS[Outcome(event.outcome)],
    }
    types = _code("EventTypeCode", event.event_type) if event.event_type else ""
    said = _element("EventOutcomeDescription", {}, _text(f"{event.what}: {event.outcome}"))
    content = _code("EventID", event.event_id) + types + said
    return _element("EventIdentification", attributes, content)


def _code(name: str, value: str, system: str = "DCM", meaning: str = "") -> str:
    attributes = {
        "csd-code": value,
        "codeSystemName": system,
        "originalText": meaning or MEANINGS[value],
    }
    return _element(name, attributes)


def _participants(event: AuditEvent) -> str:
    """Who asked, and this archive, which is the source of what leaves it and takes what comes."""
    comes = event.action == Action.UPLOAD
    who = {
        "UserID": event.actor or event.actor_kind,
        "AlternativeUserID": event.token or None,
        "UserName": event.actor_name or None,
        "UserIsRequestor": "true",
        "NetworkAccessPointID": event.client_address or None,
        "NetworkAccessPointTypeCode": _IP_ADDRESS if event.client_address else None,
    }
    roles = [_code("RoleIDCode", role, "99PACSPORTAL", role) for role in event.roles]
    archive = {"UserID": socket.gethostname(), "UserIsRequestor": "false"}
    source, destination = _role("110153", "Source"), _role("110152", "Destination")
    transfers = event.action in (Action.UPLOAD, Action.EXPORT, Action.PRINT, Action.SEARCH)
    if transfers:
        # Of a query the source is who asks (PS3.15 A.5.3.10).
        asks_or_sends = comes or event.action == Action.SEARCH
        roles.insert(0, source if asks_or_sends else destination)
    own = (destination if comes or event.action == Action.SEARCH else source) if transfers else ""
    return _element("ActiveParticipant", who, "".join(roles)) + _element(
        "ActiveParticipant", archive, own
    )


def _role(code: str, meaning: str) -> str:
    return _code("RoleIDCode", code, "DCM", f"{meaning} Role ID")


def _source() -> str:
    kind = _element("AuditSourceTypeCode", {"csd-code": _SOURCE_TYPE})
    attributes = {"AuditSourceID": f"pacs-portal@{socket.gethostname()}"}
    return _element("AuditSourceIdentification", attributes, kind)


# --- What it was about ----------------------------------------------------------------------------


def _objects(event: AuditEvent) -> Iterator[str]:
    details = "".join(_detail(name, value) for name, value in event.detail.items())
    if event.action == Action.SEARCH:
        yield _object(_QUERY, event.what, details, query=_criteria(event))
    elif event.action == Action.READ_AUDIT:
        yield _object(_AUDIT_LOG, "security audit log", details, name="Security Audit Log")
    elif details and not event.study_uids:
        yield _object(_OTHER, event.detail.get("record", event.what), details, name=event.what)
    for uid in event.study_uids:
        described = _description(event) if len(event.study_uids) == 1 else ""
        yield _object(_STUDY, uid, details + described, name=event.what)
    for patient_id, issuer in event.patients:
        # As HL7 writes an identifier and who has given it (CX).
        named = f"{patient_id}^^^{issuer}" if issuer else patient_id
        yield _object(_PATIENT, named or "none", name=named or "none")


def _criteria(event: AuditEvent) -> str:
    return "\n".join(f"{name}={value}" for name, value in event.detail.items())


def _object(
    kind: tuple[str, ...], key: str, content: str = "", *, name: str = "", query: str | None = None
) -> str:
    object_type, role, code, system, meaning = kind
    attributes = {
        "ParticipantObjectID": key,
        "ParticipantObjectTypeCode": object_type,
        "ParticipantObjectTypeCodeRole": role,
    }
    named = (
        f"<ParticipantObjectName>{_text(name)}</ParticipantObjectName>"
        if query is None
        else f"<ParticipantObjectQuery>{_base64(query)}</ParticipantObjectQuery>"
    )
    id_type = _code("ParticipantObjectIDTypeCode", code, system, meaning)
    return _element("ParticipantObjectIdentification", attributes, id_type + named + content)


def _detail(name: str, value: str) -> str:
    return _element("ParticipantObjectDetail", {"type": name, "value": _base64(value)})


def _description(event: AuditEvent) -> str:
    """Series or instances, whose SOP classes the trail does not know."""
    if not event.object_uids:
        return ""
    instances = "".join(_element("Instance", {"UID": uid}) for uid in event.object_uids)
    number = {"NumberOfInstances": str(len(event.object_uids))}
    return _element("ParticipantObjectDescription", {}, _element("SOPClass", number, instances))


# --- XML ------------------------------------------------------------------------------------------


def _element(name: str, attributes: Mapping[str, str | None], content: str = "") -> str:
    said = "".join(
        f" {key}={quoteattr(_printable(value))}"
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{said}>{content}</{name}>" if content else f"<{name}{said}/>"


def _text(text: str) -> str:
    return escape(_printable(text))


def _printable(text: str) -> str:
    """Without the characters that XML cannot hold (XML 1.0, 2.2)."""
    return "".join(c if c >= " " and c not in "\ufffe\uffff" else " " for c in text)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
