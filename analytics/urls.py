from django.urls import path

from analytics import views

app_name = "analytics"
urlpatterns = [
    path("analytics/", views.charts, name="charts"),
    path("api/analytics/<slug:chart>/", views.ChartView.as_view(), name="chart"),
]
