"""What readers keep of a study: measurements and key images."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from studies import annotating
from studies.access import may_annotate
from studies.annotating import Saved
from studies.api.serializers import (
    CurrentKeyImagesSerializer,
    CurrentMeasurementsSerializer,
    KeyImagesSerializer,
    MeasurementsSerializer,
    SavedSerializer,
)
from studies.dicom.json_model import clean
from studies.dicom.key_objects import KeyImage, KeyObjects
from studies.dicom.measurement_report import Kind, Measurement, MeasurementReport, Value

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser
    from rest_framework.serializers import Serializer


class MeasurementsView(APIView):
    """The current measurements of a study, of all authors; a save is a new structured report."""

    @extend_schema(responses=CurrentMeasurementsSerializer)
    def get(self, request: Request, study: str) -> Response:
        documents = annotating.current_measurements(request.user, study)
        return _answer(request, map(_measurement_document, documents))

    @extend_schema(request=MeasurementsSerializer, responses={201: SavedSerializer})
    def post(self, request: Request, study: str) -> Response:
        data = _validated(request, MeasurementsSerializer)
        measurements = [_measurement(item) for item in data["measurements"]]
        saved = annotating.save_measurements(
            _author(request), study, measurements, data["predecessors"]
        )
        return Response({"sop_instance_uid": saved}, status=201)


class KeyImagesView(APIView):
    """The current key images of a study, of all authors; a save is a new key object selection."""

    @extend_schema(responses=CurrentKeyImagesSerializer)
    def get(self, request: Request, study: str) -> Response:
        documents = annotating.current_key_images(request.user, study)
        return _answer(request, map(_key_image_document, documents))

    @extend_schema(request=KeyImagesSerializer, responses={201: SavedSerializer})
    def post(self, request: Request, study: str) -> Response:
        data = _validated(request, KeyImagesSerializer)
        images = [KeyImage(**item) for item in data["images"]]
        saved = annotating.save_key_images(
            _author(request), study, images, data["note"], data["predecessors"]
        )
        return Response({"sop_instance_uid": saved}, status=201)


def _author(request: Request) -> "AbstractUser":
    return cast("AbstractUser", request.user)  # nobody else comes as far as a view


def _answer(request: Request, documents: Iterable[dict[str, Any]]) -> Response:
    return Response({"may_save": may_annotate(request.user), "documents": list(documents)})


def _validated(request: Request, serializer: "type[Serializer[Any]]") -> dict[str, Any]:
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def _measurement(data: dict[str, Any]) -> Measurement:
    values = tuple(Value(**value) for value in data["values"])
    kind, label = Kind(data["kind"]), clean(data["label"])
    return Measurement(**data | {"kind": kind, "label": label, "values": values})


def _document(saved: Saved[Any]) -> dict[str, Any]:
    return {
        "sop_instance_uid": saved.sop_instance_uid,
        "author": saved.author,
        "is_own": saved.is_own,
        "saved_at": saved.saved_at,
    }


def _measurement_document(saved: Saved[MeasurementReport]) -> dict[str, Any]:
    found = saved.held.measurements
    shown = [one for one in found if one.sop_instance_uid in saved.series]
    return _document(saved) | {
        "measurements": [_drawn(one, saved.series[one.sop_instance_uid]) for one in shown],
        "not_shown": saved.held.not_understood + len(found) - len(shown),
    }


def _drawn(one: Measurement, series_uid: str) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "tracking_uid": one.tracking_uid,
        "label": one.label,
        "series_instance_uid": series_uid,
        "sop_instance_uid": one.sop_instance_uid,
        "frame": one.frame,
        "points": one.points,
        "values": [{"quantity": v.quantity, "value": v.value, "unit": v.unit} for v in one.values],
        "at_detector": one.at_detector,
    }


def _key_image_document(saved: Saved[KeyObjects]) -> dict[str, Any]:
    return _document(saved) | {
        "title": saved.held.title,
        "note": saved.held.note,
        "images": [
            {
                "series_instance_uid": saved.series[image.sop_instance_uid],
                "sop_instance_uid": image.sop_instance_uid,
                "frame": image.frame,
            }
            for image in saved.held.images
            if image.sop_instance_uid in saved.series
        ],
    }
