from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        import analytics.receivers  # noqa: F401, PLC0415 - connects them
