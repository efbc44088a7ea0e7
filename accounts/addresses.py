"""Where a request comes from; stands in for the module that knows proxies."""

from django.http import HttpRequest


def address_to_limit(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
