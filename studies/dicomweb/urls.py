"""DICOMweb resources (PS3.18 10.1); what is not here yet is not offered."""

from django.urls import path

import studies.uids  # noqa: F401 - registers <uid:…>
from studies.dicomweb import metadata, search, views
from studies.dicomweb.delete import delete_instances
from studies.dicomweb.methods import by_method

app_name = "dicomweb"

_STUDY = "studies/<uid:study>"
_SERIES = f"{_STUDY}/series/<uid:series>"
_INSTANCE = f"{_SERIES}/instances/<uid:instance>"

_instances = by_method(GET=views.retrieve_instances, DELETE=delete_instances)

urlpatterns = [
    path("studies", search.search_for_studies, name="studies"),
    path("series", search.search_for_series),
    path("instances", search.search_for_instances),
    path(f"{_STUDY}/series", search.search_for_series, name="series"),
    path(f"{_STUDY}/instances", search.search_for_instances),
    path(f"{_SERIES}/instances", search.search_for_instances, name="instances"),
    path(_STUDY, _instances, name="retrieve-study"),
    path(_SERIES, _instances, name="retrieve-series"),
    path(_INSTANCE, _instances, name="retrieve-instance"),
    path(f"{_STUDY}/metadata", metadata.retrieve_study_metadata, name="study-metadata"),
    path(f"{_SERIES}/metadata", metadata.retrieve_series_metadata, name="series-metadata"),
    path(f"{_INSTANCE}/metadata", metadata.retrieve_instance_metadata, name="instance-metadata"),
    path(f"{_INSTANCE}/frames/<str:frames>", views.retrieve_frames, name="frames"),
    path(f"{_INSTANCE}/bulkdata/<str:tag>", views.retrieve_bulk_data, name="bulk-data"),
    path(f"{_SERIES}/thumbnail", views.retrieve_series_thumbnail, name="series-thumbnail"),
]
