"""What has changed in a list since its page was made: asked every few seconds by open pages."""

from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from studies import changes, query
from studies.api.serializers import ChangesSerializer
from studies.api.views import refuse_patient_data
from studies.errors import InvalidQueryError
from studies.filters import StudyFilter, words_of
from studies.noting import note_search
from studies.search_words import Kind
from studies.searches import recall, row_key

# By these a study may come into a list without having just arrived.
_FIELDS = {"reading_status", "priority", "assigned_to", "tag", "modality"}
_KINDS = {Kind.READING, Kind.PRIORITY, Kind.READER, Kind.TAG, Kind.MODALITY}


class ChangesView(APIView):
    """New studies of a search, and those of its rows that have changed, after a mark."""

    @extend_schema(
        responses=ChangesSerializer,
        parameters=[
            OpenApiParameter("after", required=True, description="The mark of the last answer."),
            OpenApiParameter("rows", description="Keys of the rows that are shown, with commas."),
            OpenApiParameter("q", description="A search that this session remembers."),
        ],
    )
    def get(self, request: Request) -> Response:
        refuse_patient_data(request)
        search = recall(request._request, request.query_params)  # noqa: SLF001 - the session's
        if search is None:
            raise ValidationError("That search was of another session. Load the list again.")
        filters = StudyFilter(search, queryset=query.studies(request.user), request=request)
        if not filters.is_valid():
            raise ValidationError(filters.errors)
        note_search(request.user, "list followed", filters.form.cleaned_data)
        rows = query.studies(request.user).filter(pk__in=_keys(request.query_params))
        found = changes.changes_since(
            request.query_params.get("after", ""), filters.qs, rows,
            only_arrivals=not _may_be_entered(search),
        )  # fmt: skip
        return Response(ChangesSerializer(found).data)


def _keys(parameters: QueryDict) -> list[int]:
    texts = [text for text in parameters.get("rows", "").split(",") if text]
    keys = [key for key in map(row_key, texts) if key is not None]
    if len(texts) > changes.MAX_ROWS or len(keys) < len(texts):
        raise InvalidQueryError(f"Rows are at most {changes.MAX_ROWS} numbers.")
    return keys


def _may_be_entered(search: QueryDict) -> bool:
    """Whether the search asks for something that people change."""
    words = words_of(search.get("text", ""))
    return bool(_FIELDS & {n for n in search if search[n]}) or any(w.kind in _KINDS for w in words)
