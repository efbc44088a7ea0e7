"""One address, several transactions: the method says which."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed

View = Callable[..., HttpResponseBase]


def by_method(**views: View) -> View:
    """A view that hands each request to the view of its method; HEAD goes to that of GET."""

    def dispatch(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponseBase:
        view = views.get("GET" if request.method == "HEAD" else str(request.method))
        if view is None:
            return HttpResponseNotAllowed([*views, *(["HEAD"] if "GET" in views else [])])
        return view(request, *args, **kwargs)

    return dispatch
