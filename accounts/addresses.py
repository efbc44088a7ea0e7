"""Where a request comes from."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The IP address that a request comes from; empty where nobody knows (a socket, a test).

    Behind a proxy it is what our proxy saw, near the end of X-Forwarded-For: PACS_PROXY_ADDRESSES
    says how many addresses the proxy itself writes. Those before them are the client's own word.
    """
    text = request.META.get("REMOTE_ADDR", "")
    if settings.PACS_BEHIND_PROXY:
        forwarded = request.headers.get("X-Forwarded-For", "").split(",")
        ours = settings.PACS_PROXY_ADDRESSES
        text = forwarded[-ours] if len(forwarded) >= ours else text
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
