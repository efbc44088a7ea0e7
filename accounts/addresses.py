"""Where a request comes from."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The IP address that a request comes from; empty where nobody knows (a socket, a test).

    Behind a proxy it is what our proxy saw: the last of X-Forwarded-For. Those before it are the
    client's own word. There is one proxy, which is told by PACS_BEHIND_PROXY.
    """
    text = request.META.get("REMOTE_ADDR", "")
    if settings.PACS_BEHIND_PROXY:
        text = request.headers.get("X-Forwarded-For", text).rpartition(",")[2]
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return ""


def address_to_limit(request: HttpRequest) -> str:
    """The same for limits: of IPv6 the network, for each of its hosts has 2^64 addresses."""
    text = client_address(request)
    if ":" not in text:
        return text
    return str(ipaddress.ip_network(f"{text}/64", strict=False).network_address)
