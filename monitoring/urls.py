from django.urls import path

from monitoring.views import HealthView

app_name = "monitoring"
urlpatterns = [path("", HealthView.as_view(), name="health")]
