"""The names of the elements of PS3.6, which the viewer asks for when somebody reads a header."""

import hashlib
import json
from functools import cache

from django.http import HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.decorators import method_decorator
from django.views.decorators.gzip import gzip_page
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from studies.dicom.dictionary import element_names


@method_decorator(gzip_page, name="dispatch")
class DictionaryView(APIView):
    """Tag → name and keyword; a tag that repeats has `x` for any digit."""

    @extend_schema(operation_id="dictionary", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> HttpResponseBase:
        content, etag = _dictionary()
        # The same for everybody, and another only when the portal is.
        headers = {"ETag": etag, "Cache-Control": "private, max-age=86400", "Vary": "Cookie"}
        response = HttpResponse(content, "application/json", headers=headers)
        return get_conditional_response(request._request, etag=etag, response=response) or response  # noqa: SLF001


@cache
def _dictionary() -> tuple[bytes, str]:
    content = json.dumps(element_names(), separators=(",", ":")).encode()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
