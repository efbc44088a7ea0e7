"""The page of charts, and the numbers of each."""

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.acts import Act, Action, note
from analytics import aggregates, rollup
from analytics.figures import choices
from analytics.models import Generation
from analytics.period import Grain
from analytics.renderers import ChartCsvRenderer
from analytics.serializers import ChartSerializer, SelectionSerializer

PERMISSION = "analytics.view_analytics"
# Of what is not folded yet each answer folds so much, so that little is left where no worker runs.
_FOLDED_AT_ONCE = 1000


class MaySeeAnalytics(BasePermission):
    message = "Your role does not show analytics."

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - its shape
        return request.user.has_perm(PERMISSION)


class NotCountedError(APIException):
    status_code = 503
    default_detail = (
        "This archive has not been counted yet: an administrator runs manage.py rebuild_rollups."
    )


class ChartView(APIView):
    """The numbers of one chart, from totals that every change of the archive moves.

    They are of all studies, whoever may see which.
    """

    permission_classes = [MaySeeAnalytics]
    renderer_classes = [JSONRenderer, ChartCsvRenderer]

    @extend_schema(
        operation_id="analytics_chart",
        parameters=[
            SelectionSerializer,
            OpenApiParameter("chart", location="path", enum=[*aggregates.KINDS]),
        ],
        responses=ChartSerializer,
    )
    def get(self, request: Request, chart: str) -> Response:
        if chart not in aggregates.KINDS:
            raise Http404
        asked = SelectionSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        if not is_counted():
            raise NotCountedError
        rollup.fold(_FOLDED_AT_ONCE)
        found = aggregates.KINDS[chart].count(asked.validated_data["selection"])
        headers = {}
        if request.accepted_renderer.format == ChartCsvRenderer.format:
            note(Act(action=Action.EXPORT, what="figures exported", detail={"chart": chart}))
            headers["Content-Disposition"] = f'attachment; filename="{chart}.csv"'
        return Response(ChartSerializer(found).data, headers=headers)


def is_counted() -> bool:
    return Generation.objects.filter(current__isnull=False).exists()


@require_safe
@permission_required(PERMISSION, raise_exception=True)
def charts(request: HttpRequest) -> HttpResponse:
    """The filters and a place for each chart; the charts ask for their numbers themselves."""
    asked = SelectionSerializer(data=request.GET.dict())
    is_valid = asked.is_valid()
    has_dates = request.GET.get("date_from") or request.GET.get("date_to")
    context = {
        "kinds": aggregates.KINDS,
        "asked": request.GET,
        "period": "" if has_dates else request.GET.get("period") or "year",
        "errors": {} if is_valid else asked.errors,
        "selection": asked.validated_data["selection"] if is_valid else None,
        "grains": [*Grain],
        "choices": choices(),
        "is_counted": is_counted(),
        "query": request.GET.urlencode(),
    }
    return render(request, "analytics/charts.html", context)
