"""One line for each event, and nothing of patients in it.

What a stranger sends ends up in messages: the rest of an address behind its `?`, a value that an
exception quotes, a line feed that would begin a line of its own. Here is where they end.
"""

import logging
import re
from types import TracebackType
from typing import Any

_LONGEST = 2000
# The rest of a line goes with a query: it may hold spaces where the client was careless.
_QUERY = re.compile(r"(/\S*)\?.*", re.DOTALL)
# Whoever reads these in a log could open what they open, while they last.
_SECRET = re.compile(r"(/share/|/password/reset/key/)[^/\s]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class LineFormatter(logging.Formatter):
    """Time, level, logger, message and, of an exception, its kind and where it was raised."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{self.formatTime(record)} {record.levelname} {record.name} {_message(record)}"
        if record.exc_info and record.exc_info[0]:
            line += f" | {_exception(*record.exc_info)}"
        return line


def clean(text: str) -> str:
    """Without query strings and secrets of links, on one line, and of bounded length."""
    text = _SECRET.sub(r"\1…", _QUERY.sub(r"\1?…", text[: _LONGEST * 2]))
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)[:_LONGEST]


def _message(record: logging.LogRecord) -> str:
    """Of an address that no view knows only that: anything may stand in it."""
    request = getattr(record, "request", None)
    if request is not None and record.name.startswith("django."):
        is_known = getattr(request, "resolver_match", None) is not None
        where = request.path if is_known else "an unknown address"
        status = getattr(record, "status_code", "")
        return clean(f"{status} {getattr(request, 'method', '')} {where}".strip())
    return clean(record.getMessage())


def _exception(kind: Any, error: BaseException | None, traceback: TracebackType | None) -> str:
    """Without its message, which may quote what it choked on; those that it came of behind it."""
    places = []
    while traceback:
        code = traceback.tb_frame.f_code
        places.append(f"{code.co_filename}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    line = f"{kind.__name__} at {' > '.join(places[-20:])}"
    cause = error and (error.__cause__ or error.__context__)
    return f"{line} | from {_exception(type(cause), None, cause.__traceback__)}" if cause else line
