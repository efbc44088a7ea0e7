"""DICOMweb resources (PS3.18 10.1); what is not here yet is not offered."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.urls import path

import studies.uids  # noqa: F401 - registers <uid:…>
from studies.dicomweb import search, store, views

app_name = "dicomweb"

_STUDY = "studies/<uid:study>"
_SERIES = f"{_STUDY}/series/<uid:series>"
_INSTANCE = f"{_SERIES}/instances/<uid:instance>"


def _by_method(**views: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """One resource whose transactions differ by method (PS3.18 10.1)."""

    def answer(request: HttpRequest, **uids: Any) -> HttpResponseBase:
        method = "GET" if request.method == "HEAD" else str(request.method)
        view = views.get(method)
        return view(request, **uids) if view else HttpResponseNotAllowed(sorted(views))

    return answer


urlpatterns = [
    path(
        "studies",
        _by_method(GET=search.search_for_studies, POST=store.store_instances),
        name="studies",
    ),
    path("series", search.search_for_series),
    path("instances", search.search_for_instances),
    path(f"{_STUDY}/series", search.search_for_series, name="series"),
    path(f"{_STUDY}/instances", search.search_for_instances),
    path(f"{_SERIES}/instances", search.search_for_instances, name="instances"),
    path(
        _STUDY,
        _by_method(GET=views.retrieve_instances, POST=store.store_instances),
        name="retrieve-study",
    ),
    path(_SERIES, views.retrieve_instances, name="retrieve-series"),
    path(_INSTANCE, views.retrieve_instances, name="retrieve-instance"),
    path(f"{_STUDY}/metadata", views.retrieve_metadata, name="study-metadata"),
    path(f"{_SERIES}/metadata", views.retrieve_metadata, name="series-metadata"),
    path(f"{_INSTANCE}/metadata", views.retrieve_metadata, name="instance-metadata"),
    path(f"{_INSTANCE}/frames/<str:frames>", views.retrieve_frames, name="frames"),
    path(f"{_INSTANCE}/bulkdata/<str:tag>", views.retrieve_bulk_data, name="bulk-data"),
    path(f"{_SERIES}/thumbnail", views.retrieve_series_thumbnail, name="series-thumbnail"),
]
