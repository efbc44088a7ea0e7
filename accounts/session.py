"""How long a session lasts, which a page may ask without making it last longer."""

from typing import Any

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
        session: Any = request.session
        if request.user.token is None:  # type: ignore[union-attr]  # somebody is signed in
            session.is_activity = True
            touch(session, at_once=True)
        return _answer(request)


def _answer(request: Request) -> Response:
    session: Any = request.session
    seconds = longest = None
    if request.user.token is None:  # type: ignore[union-attr]
        seconds = remaining_seconds(session)
        longest = int((session.latest_end() - timezone.now()).total_seconds())
    answer = {"remaining_seconds": seconds, "longest_seconds": longest}
    return Response(SessionSerializer(answer).data)
