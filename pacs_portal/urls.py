"""The doors of the portal."""

from django.contrib import admin
from django.urls import include, path

from accounts.session import SessionView

urlpatterns = [
    path("", include("studies.portal.urls")),
    path("api/", include("studies.api.urls")),
    path("api/session/", SessionView.as_view(), name="session"),
    path("api/health/", include("monitoring.urls")),
    path("", include("analytics.urls")),
    path("dicom-web/", include("studies.dicomweb.urls")),
    path("accounts/", include("accounts.urls")),
    path("admin/", admin.site.urls),
]

handler500 = "monitoring.views.server_error"
