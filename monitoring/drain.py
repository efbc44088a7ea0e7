"""Draining: while the drain file exists this process wants no new work."""

from typing import Any

from django.conf import settings


def is_draining() -> bool:
    return bool(settings.PACS_DRAIN_FILE.exists())


def close_connection_while_draining(_worker: Any, request: Any) -> None:
    """Make gunicorn answer with `Connection: close`; its `pre_request` hook.

    A hook and not a response header: WSGI forbids applications to send hop-by-hop headers
    (PEP 3333), and gunicorn drops them.
    """
    if is_draining():
        request.force_close()
