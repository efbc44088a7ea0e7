"""What is added, changed and deleted in the administration, as acts."""

import functools
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntryManager

from accounts.acts import Act, Action, note

_ACTS = {
    ADDITION: (Action.CHANGE, "record added in the administration"),
    CHANGE: (Action.CHANGE, "record changed in the administration"),
    DELETION: (Action.DELETE, "record deleted in the administration"),
}
# Who may do what is settled there.
_OF_ACCOUNTS = {"accounts", "auth"}
# Whose own administration says more.
_TELL_THEMSELVES = {"studies.studyscope"}


def watch() -> None:
    """Note what Django's own log of the administration is told, which sends no signal of it all."""
    log_actions = LogEntryManager.log_actions

    @functools.wraps(log_actions)
    def log_and_note(
        self: Any, user_id: Any, queryset: Any, action_flag: int, *args: Any, **kwargs: Any
    ) -> Any:
        rows = list(queryset)
        for row in rows:
            if row._meta.label_lower in _TELL_THEMSELVES:
                continue
            action, what = _ACTS[action_flag]
            if row._meta.app_label in _OF_ACCOUNTS:
                action = Action.SECURITY
            record = {"record": row._meta.label_lower, "key": str(row.pk)}
            note(Act(action=action, what=what, detail=record, is_change=True))
        return log_actions(self, user_id, rows, action_flag, *args, **kwargs)

    LogEntryManager.log_actions = log_and_note  # type: ignore[method-assign]
