"""DICOMweb resources (PS3.18 10.1); what is not here yet is not offered."""

from django.urls import path

import studies.uids  # noqa: F401 - registers <uid:…>
from studies.dicomweb import metadata, rendered, search, views, wado_uri
from studies.dicomweb.capabilities import retrieve_capabilities
from studies.dicomweb.delete import delete_instances
from studies.dicomweb.resources import Resource
from studies.dicomweb.store import store_instances

app_name = "dicomweb"

_STUDY = "studies/<uid:study>"
_SERIES = f"{_STUDY}/series/<uid:series>"
_INSTANCE = f"{_SERIES}/instances/<uid:instance>"

_instances = Resource(GET=views.retrieve_instances, DELETE=delete_instances)
_study = Resource(GET=views.retrieve_instances, POST=store_instances, DELETE=delete_instances)
_instance = Resource(GET=views.retrieve_instance, DELETE=delete_instances)
_study_metadata = Resource(GET=metadata.retrieve_study_metadata)
_series_metadata = Resource(GET=metadata.retrieve_series_metadata)
_instance_metadata = Resource(GET=metadata.retrieve_instance_metadata)

_bulk_value = Resource(GET=views.retrieve_bulk_value)
_rendered_instance = Resource(GET=rendered.retrieve_rendered_instance)
_rendered_frames = Resource(GET=rendered.retrieve_rendered_frames)
_frame_thumbnail = Resource(GET=rendered.retrieve_frame_thumbnail)
_thumbnail = Resource(GET=rendered.retrieve_thumbnail)

urlpatterns = [
    path("", Resource(GET=retrieve_capabilities), name="capabilities"),
    path("studies", Resource(GET=search.search_for_studies, POST=store_instances), name="studies"),
    path("series", Resource(GET=search.search_for_series)),
    path("instances", Resource(GET=search.search_for_instances)),
    path(f"{_STUDY}/series", Resource(GET=search.search_for_series), name="series"),
    path(f"{_STUDY}/instances", Resource(GET=search.search_for_instances)),
    path(f"{_SERIES}/instances", Resource(GET=search.search_for_instances), name="instances"),
    path(_STUDY, _study, name="retrieve-study"),
    path(_SERIES, _instances, name="retrieve-series"),
    path(_INSTANCE, _instance, name="retrieve-instance"),
    path(f"{_STUDY}/metadata", _study_metadata, name="study-metadata"),
    path(f"{_SERIES}/metadata", _series_metadata, name="series-metadata"),
    path(f"{_INSTANCE}/metadata", _instance_metadata, name="instance-metadata"),
    path(f"{_INSTANCE}/frames/<str:frames>", Resource(GET=views.retrieve_frames), name="frames"),
    path(f"{_STUDY}/bulkdata", Resource(GET=views.retrieve_bulk_data)),
    path(f"{_SERIES}/bulkdata", Resource(GET=views.retrieve_bulk_data)),
    path(f"{_INSTANCE}/bulkdata", Resource(GET=views.retrieve_bulk_data)),
    path(f"{_INSTANCE}/bulkdata/<str:tag>", _bulk_value, name="bulk-data"),
    path(f"{_STUDY}/pixeldata", Resource(GET=views.retrieve_pixel_data)),
    path(f"{_SERIES}/pixeldata", Resource(GET=views.retrieve_pixel_data)),
    path(f"{_INSTANCE}/pixeldata", Resource(GET=views.retrieve_pixel_data)),
    path(f"{_STUDY}/rendered", Resource(GET=rendered.retrieve_rendered_instances)),
    path(f"{_SERIES}/rendered", Resource(GET=rendered.retrieve_rendered_instances)),
    path(f"{_INSTANCE}/rendered", _rendered_instance, name="rendered-instance"),
    path(f"{_INSTANCE}/frames/<str:frames>/rendered", _rendered_frames, name="rendered-frames"),
    path(f"{_STUDY}/thumbnail", _thumbnail),
    path(f"{_SERIES}/thumbnail", _thumbnail, name="series-thumbnail"),
    path(f"{_INSTANCE}/thumbnail", _thumbnail),
    path(
        f"{_INSTANCE}/frames/<str:frames>/thumbnail",
        Resource(GET=rendered.retrieve_frame_thumbnail),
    ),
    path("wado-uri", Resource(GET=wado_uri.retrieve_by_uri), name="wado-uri"),
]
