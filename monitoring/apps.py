from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "monitoring"

    def ready(self) -> None:
        from accounts.acts import acted  # noqa: PLC0415 - models are needed first
        from monitoring.audit import administration, recording  # noqa: PLC0415

        acted.connect(recording.receive, dispatch_uid="audit")
        administration.watch()
