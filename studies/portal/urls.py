from django.urls import path

import studies.uids  # noqa: F401 - registers <uid:…>
from studies.portal import (
    emergency,
    list_export,
    notifications,
    patients,
    preferences,
    sharing,
    study_list,
    views,
    worklist,
)

app_name = "studies"

_DOCUMENT = "studies/<uid:study>/documents/<uid:series>/<uid:instance>/"

urlpatterns = [
    path("", study_list.study_list, name="list"),
    path("list/preference/", preferences.preference, name="preference"),
    path("list/searches/", preferences.searches, name="searches"),
    path("list/export.<str:form>", list_export.export, name="export"),
    path("list/chosen.<str:form>", list_export.export_chosen, name="export-chosen"),
    path("list/changes/", worklist.change_many, name="change-many"),
    path("patients/<int:patient>/", patients.timeline, name="patient"),
    path("studies/<uid:study>/", views.study_detail, name="detail"),
    path("studies/<uid:study>/view/", views.viewer, name="view"),
    path("studies/<uid:study>/worklist/", worklist.change, name="change"),
    path("studies/<uid:study>/follow/", notifications.follow, name="follow"),
    path("studies/<uid:study>/access/", sharing.study_access, name="access"),
    path("share/<str:token>/", sharing.open_link, name="share"),
    path("emergency/", emergency.open_emergency, name="emergency"),
    path("emergency/<int:key>/end/", emergency.end_emergency, name="end-emergency"),
    path("notifications/", notifications.notification_list, name="notifications"),
    path(_DOCUMENT, views.document, name="document"),
    path(f"{_DOCUMENT}file/", views.encapsulated_file, name="encapsulated-file"),
]
