"""The study list and a study for scripts and for the portal's own pages."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from studies import query, retrieve
from studies.api.serializers import (
    StudyDetailSerializer,
    StudyPageSerializer,
    StudySearchSerializer,
)
from studies.errors import GoneError, NotFoundError
from studies.filters import PATIENT_FIELDS, StudyFilter
from studies.models import Priority, ReadingStatus
from studies.noting import note_search

_PAGE_SIZE = 50


class StudyListView(APIView):
    """Studies, newest first unless sorted otherwise."""

    @extend_schema(
        operation_id="studies_list",
        responses=StudyPageSerializer,
        parameters=[
            OpenApiParameter("study_description"),
            OpenApiParameter("modality", many=True),
            OpenApiParameter("reading_status", enum=ReadingStatus.values),
            OpenApiParameter("priority", enum=Priority.values),
            OpenApiParameter("assigned_to", description="Key of a user, me or nobody."),
            OpenApiParameter("tag", type=int),
            OpenApiParameter("date_from"),
            OpenApiParameter("date_to"),
            OpenApiParameter(
                "sort", description="date, name, mrn, accession, description; - first"
            ),
            OpenApiParameter("size", type=int),
            OpenApiParameter("after", type=int),
            OpenApiParameter("before", type=int),
        ],
    )
    def get(self, request: Request) -> Response:
        refuse_patient_data(request)
        data = request.query_params.dict() | {"modality": request.query_params.getlist("modality")}
        return _answer(request, {name: value for name, value in data.items() if value})


def refuse_patient_data(request: Request) -> None:
    """Raise ValidationError where the address names a patient."""
    if named := set(PATIENT_FIELDS) & set(request.query_params):
        reason = "Patient data does not belong in an address: POST to search/."
        raise ValidationError({name: [reason] for name in named})


class StudySearchView(APIView):
    """The same list, with filters that name a patient."""

    only_reads = True  # for scopes of tokens; a body because addresses are kept in logs

    @extend_schema(request=StudySearchSerializer, responses=StudyPageSerializer)
    def post(self, request: Request) -> Response:
        return _answer(request, request.data)


class StudyDetailView(APIView):
    """One study with its series."""

    @extend_schema(responses=StudyDetailSerializer)
    def get(self, request: Request, study: str) -> Response:
        try:
            found = retrieve.find_study(request.user, study)
        except (NotFoundError, GoneError) as error:
            raise Http404 from error
        return Response(StudyDetailSerializer(found).data)


def _answer(request: Request, data: Any) -> Response:
    search = StudySearchSerializer(data=data)
    search.is_valid(raise_exception=True)
    wish = dict(search.validated_data)
    sort = wish.pop("sort", query.DEFAULT_SORT)
    if sort.lstrip("-") not in query.SORT_COLUMNS:
        raise ValidationError({"sort": [f"One of {', '.join(query.SORT_COLUMNS)}."]})
    size = wish.pop("size", _PAGE_SIZE)
    cursor = query.Cursor(after=wish.pop("after", None), before=wish.pop("before", None))
    filters = StudyFilter(wish, queryset=query.studies(request.user), request=request)
    if not filters.is_valid():
        raise ValidationError(filters.errors)
    note_search(request.user, "studies searched", filters.form.cleaned_data)
    found = query.counted_page_of(request.user, filters.qs, sort=sort, size=size, cursor=cursor)
    page = found.page
    answer = {
        "count": found.total,
        "count_is_lower_bound": not found.is_exact,
        "next": page.studies[-1].pk if page.has_next and page.studies else None,
        "previous": page.studies[0].pk if page.has_previous and page.studies else None,
        "results": page.studies,
    }
    return Response(StudyPageSerializer(answer).data)
