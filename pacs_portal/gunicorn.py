"""How gunicorn serves the portal; the command line and GUNICORN_CMD_ARGS still win."""

import os
from typing import Any

bind = f"0.0.0.0:{os.environ.get('PORT', '8000')}"  # a container has one network
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# A browser opens six connections to fetch images; a sync worker would serve one of them.
threads = 8
timeout = 120
graceful_timeout = 6
keepalive = 620  # longer than any load balancer keeps its side open
max_requests = 5000
max_requests_jitter = 500
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108
control_socket_disable = True  # nobody uses it, and a read-only home has no place for it
# Paths only: a query string of a DICOMweb search holds patient data.
accesslog = "-"
access_log_format = "%(m)s %(U)s %(s)s %(B)s bytes %(M)s ms"
# What gunicorn itself complains of quotes the request.
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "pacs_portal.logs.LineFormatter"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line"},
        "stdout": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "stream": "ext://sys.stdout",
        },
    },
    "root": {"handlers": [], "level": "INFO"},
    "loggers": {
        "gunicorn.error": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "gunicorn.access": {"handlers": ["stdout"], "level": "INFO", "propagate": False},
    },
}


def pre_request(worker: Any, request: Any) -> None:
    """While draining, close each connection behind its answer, so that clients go elsewhere."""
    from monitoring.drain import close_connection_while_draining  # noqa: PLC0415 - needs Django

    close_connection_while_draining(worker, request)
