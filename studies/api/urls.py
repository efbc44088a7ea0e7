from django.urls import path
from drf_spectacular.views import SpectacularAPIView

import studies.uids  # noqa: F401 - registers <uid:…>
from studies.api import acts, annotations, changes, reading, reports, views
from studies.api.dictionary import DictionaryView

app_name = "api"

urlpatterns = [
    path("studies/", views.StudyListView.as_view(), name="studies"),
    path("studies/changes/", changes.ChangesView.as_view(), name="changes"),
    path("studies/search/", views.StudySearchView.as_view(), name="study-search"),
    path("studies/<uid:study>/", views.StudyDetailView.as_view(), name="study"),
    path("studies/<uid:study>/report/", reports.ReportView.as_view(), name="report"),
    path(
        "studies/<uid:study>/report/signature/",
        reports.SignatureView.as_view(),
        name="report-signature",
    ),
    path("studies/<uid:study>/report/addenda/", reports.AddendaView.as_view(), name="addenda"),
    path(
        "studies/<uid:study>/report/templates/",
        reports.TemplatesView.as_view(),
        name="report-templates",
    ),
    path("studies/<uid:study>/report/pdf/", reports.PdfView.as_view(), name="report-pdf"),
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
    path("studies/<uid:study>/acts/", acts.ActsView.as_view(), name="acts"),
    path("dicom/dictionary/", DictionaryView.as_view(), name="dictionary"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
]
