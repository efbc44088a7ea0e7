from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import noting, sessions  # noqa: F401, PLC0415 - they receive signals
