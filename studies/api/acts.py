"""What is done with a study in the browser alone, told here so that the audit trail has it."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.acts import Act, Action, note
from studies.api.serializers import ActSerializer, parsed
from studies.retrieve import find_study

_ACTS = {
    "print": (Action.PRINT, "images printed"),
    "picture": (Action.EXPORT, "picture saved"),
    "video": (Action.EXPORT, "video saved"),
}


class ActsView(APIView):
    """The viewer tells before it prints, or saves a picture or a video of what it shows."""

    @extend_schema(operation_id="act", request=ActSerializer, responses={204: None})
    def post(self, request: Request, study: str) -> Response:
        action, what = _ACTS[parsed(ActSerializer, request.data)["act"]]
        find_study(request.user, study)
        note(Act(action=action, what=what, study_uids=[study]))
        return Response(status=204)
