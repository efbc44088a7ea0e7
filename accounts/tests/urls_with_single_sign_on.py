"""The portal's addresses where a provider is configured."""

from django.urls import include, path

from accounts.urls import single_sign_on
from pacs_portal.urls import urlpatterns as ours

urlpatterns = [path("accounts/", include(single_sign_on)), *ours]
