from django.urls import path
from drf_spectacular.views import SpectacularAPIView

import studies.uids  # noqa: F401 - registers <uid:…>
from studies.api import views
from studies.api.dictionary import DictionaryView

app_name = "api"

urlpatterns = [
    path("studies/", views.StudyListView.as_view(), name="studies"),
    path("studies/search/", views.StudySearchView.as_view(), name="study-search"),
    path("studies/<uid:study>/", views.StudyDetailView.as_view(), name="study"),
    path("dicom/dictionary/", DictionaryView.as_view(), name="dictionary"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
]
