"""What answers at an address, method by method (RFC 9110 9)."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed

from studies.dicomweb.capabilities import retrieve_capabilities

View = Callable[..., HttpResponseBase]


class Resource:
    """Hands each method to its view; OPTIONS is answered everywhere (PS3.18 8.9)."""

    def __init__(self, **views: View) -> None:
        self.views = views

    @property
    def methods(self) -> list[str]:
        """All that is allowed here, in alphabetical order."""
        safe = {"OPTIONS", "HEAD"} if "GET" in self.views else {"OPTIONS"}
        return sorted(safe | set(self.views))

    def __call__(self, request: HttpRequest, **names: str) -> HttpResponseBase:
        if request.method not in self.methods:
            return HttpResponseNotAllowed(self.methods)
        if request.method == "OPTIONS":
            response = retrieve_capabilities(request)
            response.headers["Allow"] = ", ".join(self.methods)
            return response
        view = self.views["GET" if request.method == "HEAD" else request.method]
        return view(request, **names)
