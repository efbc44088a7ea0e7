"""How long a session lasts, which a page may ask without making it last longer."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.serializers import SessionSerializer
from accounts.sessions import remaining_seconds, touch


class SessionView(APIView):
    """GET tells how long the session still lasts; POST says that somebody is there."""

    only_reads = True  # a token has no session to prolong

    @extend_schema(operation_id="session", responses=SessionSerializer)
    def get(self, request: Request) -> Response:
        return _answer(request)

    @extend_schema(operation_id="session_prolong", request=None, responses=SessionSerializer)
    def post(self, request: Request) -> Response:
        if request.user.token is None:
            request.session.is_activity = True
            touch(request.session, at_once=True)
        return _answer(request)


def _answer(request: Request) -> Response:
    answer = {"remaining_seconds": None, "longest_seconds": None}
    if request.user.token is None:
        longest = request.session.latest_end() - timezone.now()
        answer = {
            "remaining_seconds": remaining_seconds(request.session),
            "longest_seconds": int(longest.total_seconds()),
        }
    return Response(SessionSerializer(answer).data)
