"""Which event of PS3.15 A.5.3 an act is: the one table, from which docs/audit.md is checked."""

from dataclasses import dataclass

from accounts.acts import Action, Outcome
from studies.noting import IMAGES_READ, STUDY_READ

# PS3.16 CID 400 and CID 401, as far as they occur here; all of coding scheme DCM.
MEANINGS = {
    "110101": "Audit Log Used",
    "110103": "DICOM Instances Accessed",
    "110104": "DICOM Instances Transferred",
    "110105": "DICOM Study Deleted",
    "110106": "Export",
    "110107": "Import",
    "110111": "Procedure Record",
    "110112": "Query",
    "110113": "Security Alert",
    "110114": "User Authentication",
    "110122": "Login",
    "110123": "Logout",
    "110127": "Emergency Override Started",
    "110131": "Software Configuration",
    "110132": "Use of Restricted Function",
    "110135": "Object Security Attributes Changed",
    "110136": "Security Roles Changed",
    "110137": "User Security Attributes Changed",
    "110138": "Emergency Override Stopped",
}
# EventOutcomeIndicator (PS3.15 A.5.1.1): nominal success, minor failure, serious failure.
INDICATORS = {Outcome.SUCCESS: "0", Outcome.REFUSED: "4", Outcome.FAILED: "8"}


@dataclass(frozen=True, slots=True)
class Event:
    """Event ID, EventActionCode (create, read, update, delete, execute) and Event Type Code."""

    event_id: str
    event_action: str
    event_type: str = ""


# Of every action, unless the table below knows better.
EVENTS_OF_ACTIONS = {
    Action.VIEW: Event("110103", "R"),
    Action.SEARCH: Event("110112", "E"),
    Action.EXPORT: Event("110106", "R"),
    Action.PRINT: Event("110106", "R"),
    Action.UPLOAD: Event("110104", "C"),
    Action.CHANGE: Event("110111", "U"),
    Action.DELETE: Event("110103", "D"),
    Action.SIGN_IN: Event("110114", "E", "110122"),
    Action.SIGN_OUT: Event("110114", "E", "110123"),
    Action.SECURITY: Event("110113", "E", "110137"),
    Action.REFUSAL: Event("110113", "E", "110132"),
    Action.BREAK_GLASS: Event("110113", "E", "110127"),
    Action.SHARE: Event("110113", "E", "110135"),
    Action.READ_AUDIT: Event("110101", "R"),
}
EVENTS_OF_ACTS = {
    (Action.EXPORT, "instances retrieved"): Event("110104", "R"),
    (Action.UPLOAD, "instances sent again"): Event("110104", "R"),
    (Action.UPLOAD, "files imported"): Event("110107", "C"),
    (Action.DELETE, "study deleted"): Event("110105", "D"),
    (Action.CHANGE, "record added in the administration"): Event("110113", "C", "110131"),
    (Action.CHANGE, "record changed in the administration"): Event("110113", "U", "110131"),
    (Action.DELETE, "record deleted in the administration"): Event("110113", "D", "110131"),
    (Action.SECURITY, "roles changed"): Event("110113", "U", "110136"),
    (Action.BREAK_GLASS, "emergency access ended"): Event("110113", "E", "110138"),
}

# Told whenever a study is found for somebody: what else was done with it says more.
IMPLIED = frozenset({STUDY_READ, IMAGES_READ})
# A viewer asks a thousand times for what a reader does once: the same again by the same person in
# the same session within five minutes is one act, as far as the process remembers.
REPEATED = IMPLIED | {
    "instances retrieved", "instances sent again", "list followed", "limit reached", "not found",
    "not permitted", "too many attempts",
}  # fmt: skip


def event_of(action: Action, what: str) -> Event:
    return EVENTS_OF_ACTS.get((action, what), EVENTS_OF_ACTIONS[action])
