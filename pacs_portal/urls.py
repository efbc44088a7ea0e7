"""The doors of the portal."""

from django.contrib import admin
from django.urls import include, path

from accounts.session import SessionView
from accounts.token_views import RefreshView, RevokeView, TokenView, key_set

urlpatterns = [
    path("", include("studies.portal.urls")),
    path("api/", include("studies.api.urls")),
    path("api/token/", TokenView.as_view(), name="api-token"),
    path("api/token/refresh/", RefreshView.as_view(), name="api-token-refresh"),
    path("api/token/revoke/", RevokeView.as_view(), name="api-token-revoke"),
    path(".well-known/jwks.json", key_set, name="key-set"),
    path("api/session/", SessionView.as_view(), name="session"),
    path("api/health/", include("monitoring.urls")),
    path("", include("analytics.urls")),
    path("dicom-web/", include("studies.dicomweb.urls")),
    path("accounts/", include("accounts.urls")),
    path("admin/", admin.site.urls),
]

handler500 = "monitoring.views.server_error"
