"""What the archive tells of who read and searched."""

from collections.abc import Mapping, Sequence
from typing import Any

from accounts.acts import Act, Action, note

# Told by whatever finds something for somebody, so that no door forgets it. An act of the same
# request that says more about the study takes their place.
STUDY_READ = "study read"
IMAGES_READ = "images read"


def note_read(reader: Any, study_uid: str, what: str = STUDY_READ) -> None:
    note(Act(action=Action.VIEW, what=what, actor=reader, study_uids=[study_uid]))


def note_search(
    searcher: Any, what: str, keys: Mapping[str, object], *, study_uids: Sequence[str] = ()
) -> None:
    """What was searched for; who was found stands in no trail, since pages are lists of many."""
    act = Act(
        action=Action.SEARCH, what=what, actor=searcher, detail=said(keys), study_uids=study_uids
    )
    note(act)


def said(keys: Mapping[str, object]) -> dict[str, str]:
    """Those keys of a search that ask for something."""
    return {name: str(value) for name, value in keys.items() if value not in (None, "", [], ())}
