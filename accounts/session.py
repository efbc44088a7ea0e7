"""How long a session lasts, which a page may ask without making it last longer."""

from django.contrib.sessions.models import Session
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.serializers import SessionSerializer


class SessionView(APIView):
    """GET tells how long the session still lasts; POST makes it last its full time again."""

    @extend_schema(operation_id="session", responses=SessionSerializer)
    def get(self, request: Request) -> Response:
        ends = (
            Session.objects.filter(pk=request.session.session_key)
            .values_list("expire_date", flat=True)
            .first()
        )
        return _answer(int((ends - timezone.now()).total_seconds()) if ends else None)

    @extend_schema(operation_id="session_prolong", request=None, responses=SessionSerializer)
    def post(self, request: Request) -> Response:
        if not request.session.session_key:
            return _answer(None)
        request.session.modified = True  # has the middleware save it
        return _answer(request.session.get_expiry_age())


def _answer(seconds: int | None) -> Response:
    return Response(SessionSerializer({"remaining_seconds": seconds}).data)
