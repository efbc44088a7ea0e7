"""What every page may say of the installation."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def installation(_request: HttpRequest) -> dict[str, Any]:
    return {
        "is_demonstration": settings.PACS_DEMONSTRATION,
        "sends_mail": settings.PACS_SENDS_MAIL,
        "sso_name": settings.PACS_OIDC_NAME if settings.PACS_OIDC_ISSUER else "",
    }
