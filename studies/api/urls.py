from django.urls import path
from drf_spectacular.views import SpectacularAPIView

import studies.uids  # noqa: F401 - registers <uid:…>
from studies.api import annotations, reading, views

app_name = "api"

urlpatterns = [
    path("studies/", views.StudyListView.as_view(), name="studies"),
    path("studies/search/", views.StudySearchView.as_view(), name="study-search"),
    path("studies/<uid:study>/", views.StudyDetailView.as_view(), name="study"),
    path("studies/<uid:study>/hanging/", reading.HangingView.as_view(), name="hanging"),
    path(
        "studies/<uid:study>/presentation/",
        reading.PresentationView.as_view(),
        name="presentation",
    ),
    path(
        "studies/<uid:study>/measurements/",
        annotations.MeasurementsView.as_view(),
        name="measurements",
    ),
    path("studies/<uid:study>/key-images/", annotations.KeyImagesView.as_view(), name="key-images"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
]
