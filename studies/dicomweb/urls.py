"""DICOMweb resources (PS3.18 10.1); what is not here yet is not offered."""

from django.urls import path

import studies.uids  # noqa: F401 - registers <uid:…>
from studies.dicomweb import rendered, search, views, wado_uri

app_name = "dicomweb"

_STUDY = "studies/<uid:study>"
_SERIES = f"{_STUDY}/series/<uid:series>"
_INSTANCE = f"{_SERIES}/instances/<uid:instance>"

urlpatterns = [
    path("studies", search.search_for_studies, name="studies"),
    path("series", search.search_for_series),
    path("instances", search.search_for_instances),
    path(f"{_STUDY}/series", search.search_for_series, name="series"),
    path(f"{_STUDY}/instances", search.search_for_instances),
    path(f"{_SERIES}/instances", search.search_for_instances, name="instances"),
    path(_STUDY, views.retrieve_instances, name="retrieve-study"),
    path(_SERIES, views.retrieve_instances, name="retrieve-series"),
    path(_INSTANCE, views.retrieve_instance, name="retrieve-instance"),
    path(f"{_STUDY}/metadata", views.retrieve_metadata, name="study-metadata"),
    path(f"{_SERIES}/metadata", views.retrieve_metadata, name="series-metadata"),
    path(f"{_INSTANCE}/metadata", views.retrieve_metadata, name="instance-metadata"),
    path(f"{_INSTANCE}/frames/<str:frames>", views.retrieve_frames, name="frames"),
    path(f"{_STUDY}/bulkdata", views.retrieve_bulk_data),
    path(f"{_SERIES}/bulkdata", views.retrieve_bulk_data),
    path(f"{_INSTANCE}/bulkdata", views.retrieve_bulk_data),
    path(f"{_INSTANCE}/bulkdata/<str:tag>", views.retrieve_bulk_value, name="bulk-data"),
    path(f"{_STUDY}/pixeldata", views.retrieve_pixel_data),
    path(f"{_SERIES}/pixeldata", views.retrieve_pixel_data),
    path(f"{_INSTANCE}/pixeldata", views.retrieve_pixel_data),
    path(f"{_STUDY}/rendered", rendered.retrieve_rendered_instances),
    path(f"{_SERIES}/rendered", rendered.retrieve_rendered_instances),
    path(f"{_INSTANCE}/rendered", rendered.retrieve_rendered_instance),
    path(f"{_INSTANCE}/frames/<str:frames>/rendered", rendered.retrieve_rendered_frames),
    path(f"{_STUDY}/thumbnail", rendered.retrieve_thumbnail),
    path(f"{_SERIES}/thumbnail", rendered.retrieve_thumbnail, name="series-thumbnail"),
    path(f"{_INSTANCE}/thumbnail", rendered.retrieve_thumbnail),
    path(f"{_INSTANCE}/frames/<str:frames>/thumbnail", rendered.retrieve_frame_thumbnail),
    path("wado-uri", wado_uri.retrieve_by_uri, name="wado-uri"),
]
