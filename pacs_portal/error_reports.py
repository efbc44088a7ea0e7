"""Reports of faults to Sentry, where SENTRY_DSN names one: code and places, nothing of patients.

What may go is listed, so that what a new version of the SDK adds does not.
"""

from typing import Any

import sentry_sdk
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.integrations.logging import LoggingIntegration

from pacs_portal.logs import clean

_EVENT = {
    "event_id", "timestamp", "platform", "level", "logger", "release", "environment", "sdk",
    "transaction", "transaction_info",
}  # fmt: skip
_FRAME = {
    "filename", "abs_path", "function", "module", "lineno", "context_line", "pre_context",
    "post_context", "in_app",
}  # fmt: skip


def start_reporting(dsn: str, **options: Any) -> None:
    """Report unhandled exceptions and logged errors from now on."""
    sentry_sdk.init(
        dsn=dsn,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        traces_sample_rate=0,
        default_integrations=False,
        integrations=[DjangoIntegration(), LoggingIntegration(level=None)],
        before_send=scrub,
        **options,
    )


def scrub(event: Any, _hint: Any) -> Any:
    """Only the kind of fault and the code that it came from."""
    kept = {name: value for name, value in event.items() if name in _EVENT}
    if message := event.get("logentry", {}).get("message"):
        kept["logentry"] = {"message": clean(message)}
    if "exception" in event:
        kept["exception"] = {"values": [_exception(one) for one in event["exception"]["values"]]}
    if method := event.get("request", {}).get("method"):
        kept["request"] = {"method": method}
    return kept


def _exception(value: dict[str, Any]) -> dict[str, Any]:
    """Without the message, which may quote what it choked on, and without variables."""
    frames = (value.get("stacktrace") or {}).get("frames", [])
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "stacktrace": {
            "frames": [{k: v for k, v in frame.items() if k in _FRAME} for frame in frames]
        },
    }
