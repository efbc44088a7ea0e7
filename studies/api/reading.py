"""What the viewer asks for beside the images: how to hang a study, and how it was left."""

import json
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from studies.access import is_deidentified
from studies.api.serializers import HangingSerializer
from studies.hanging import hanging_of
from studies.models import Presentation
from studies.retrieve import find_study

MAX_STATE_BYTES = 64 * 1024


class HangingView(APIView):
    """The hanging protocol of a study, and the patient's other studies, newest first."""

    @extend_schema(responses=HangingSerializer)
    def get(self, request: Request, study: str) -> Response:
        found = find_study(request.user, study)
        if is_deidentified(request.user):
            found = found.without_identity()
        return Response(HangingSerializer(hanging_of(request.user, found)).data)


class PresentationView(APIView):
    """How the person who asks left a study: an object of the viewer's own, empty before that."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, study: str) -> Response:
        kept = Presentation.objects.filter(
            user=request.user.pk, study=find_study(request.user, study)
        )
        return Response(kept.values_list("state", flat=True).first() or {})

    @extend_schema(request=OpenApiTypes.OBJECT, responses={204: None})
    def put(self, request: Request, study: str) -> Response:
        found, state = find_study(request.user, study), _read_state(request)
        Presentation.objects.update_or_create(
            user_id=request.user.pk,  # type: ignore[misc]  # nobody anonymous comes here
            study=found,
            defaults={"state": state},
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, study: str) -> Response:
        Presentation.objects.filter(
            user=request.user.pk, study=find_study(request.user, study)
        ).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


def _read_state(request: Request) -> dict[str, Any]:
    """The object that was sent; nothing that PostgreSQL would refuse, or that fills it."""
    body = request.body
    if len(body) > MAX_STATE_BYTES:
        raise ParseError(f"A presentation has at most {MAX_STATE_BYTES} bytes.")
    try:
        state = json.loads(body)
        text = json.dumps(state, ensure_ascii=False, allow_nan=False)
        text.encode()  # refuses halves of surrogate pairs
    except (ValueError, RecursionError) as error:
        raise ParseError("A presentation is one JSON object.") from error
    if not isinstance(state, dict) or "\\u0000" in text:
        raise ParseError("A presentation is one JSON object without null characters.")
    return state
