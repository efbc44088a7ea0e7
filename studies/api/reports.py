"""The report of a study: read, written, signed, printed."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.acts import Act, Action, note
from studies.access import may_report
from studies.api.serializers import (
    AddendumSerializer,
    DraftSerializer,
    ReadingSerializer,
    ReportSerializer,
    TemplateSerializer,
    VersionSerializer,
    parsed,
)
from studies.documents import NOTHING_ACTIVE
from studies.reports import reading, writing
from studies.reports.pdf import report_pdf
from studies.retrieve import find_study


class ReportView(APIView):
    """The report of a study and its reading status; a draft is shown to who writes reports."""

    @extend_schema(operation_id="report", responses=ReadingSerializer)
    def get(self, request: Request, study: str) -> Response:
        found = find_study(request.user, study)
        answer = {
            "reading_status": found.reading_status,
            "reader": request.user.get_username(),
            "may_write": may_report(request.user),
            "report": reading.report_of(request.user, found),
        }
        return Response(ReadingSerializer(answer).data)

    @extend_schema(operation_id="report_save", request=DraftSerializer, responses=ReportSerializer)
    def put(self, request: Request, study: str) -> Response:
        """Begin or save the draft. 409 tells who saved another version meanwhile, and when."""
        sections = parsed(DraftSerializer, request.data)
        version = sections.pop("version")
        saved = writing.save_draft(request.user, study, version=version, sections=sections)
        return Response(ReportSerializer(saved).data)

    @extend_schema(operation_id="report_discard", request=VersionSerializer, responses={204: None})
    def delete(self, request: Request, study: str) -> Response:
        """Discard the draft that one has begun."""
        version = parsed(VersionSerializer, request.data)["version"]
        writing.discard_draft(request.user, study, version=version)
        return Response(status=204)


class SignatureView(APIView):
    """Save and sign: from then on only addenda can be made."""

    @extend_schema(operation_id="report_sign", request=DraftSerializer, responses=ReportSerializer)
    def post(self, request: Request, study: str) -> Response:
        sections = parsed(DraftSerializer, request.data)
        version = sections.pop("version")
        signed = writing.sign(request.user, study, version=version, sections=sections)
        return Response(ReportSerializer(signed).data)


class AddendaView(APIView):
    """Sign an addendum; `number` says which one it is to be: none is made unread, or twice."""

    @extend_schema(
        operation_id="addendum_sign",
        request=AddendumSerializer,
        responses={201: AddendumSerializer},
    )
    def post(self, request: Request, study: str) -> Response:
        addendum = writing.add_addendum(
            request.user, study, **parsed(AddendumSerializer, request.data)
        )
        return Response(AddendumSerializer(addendum).data, status=201)


class TemplatesView(APIView):
    """Templates that suit a study, the best first."""

    @extend_schema(operation_id="report_templates", responses=TemplateSerializer(many=True))
    def get(self, request: Request, study: str) -> Response:
        templates = reading.templates_for(find_study(request.user, study))
        return Response(TemplateSerializer(templates, many=True).data)


class PdfView(APIView):
    """The report as PDF; a draft says on every page that it is one."""

    @extend_schema(
        operation_id="report_pdf", responses={(200, "application/pdf"): OpenApiTypes.BINARY}
    )
    def get(self, request: Request, study: str) -> HttpResponse:
        found = find_study(request.user, study)
        report = reading.find_report(request.user, found)
        note(Act(action=Action.PRINT, what="report printed", study_uids=[study]))
        return HttpResponse(
            report_pdf(found, report),
            content_type="application/pdf",
            headers={
                "Content-Disposition": 'inline; filename="report.pdf"',
                "Content-Security-Policy": NOTHING_ACTIVE,
            },
        )
