"""What every page may say of the installation."""

from django.conf import settings
from django.http import HttpRequest


def installation(_request: HttpRequest) -> dict[str, bool]:
    return {"is_demonstration": settings.PACS_DEMONSTRATION}
