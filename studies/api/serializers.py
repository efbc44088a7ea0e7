"""Studies, series, reports, and what readers keep of them, as JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from studies.annotating import MAX_ITEMS, MAX_POINTS
from studies.dicom.attributes import is_uid
from studies.dicom.measurement_report import UNITS, Kind, Quantity
from studies.models import (
    Addendum,
    HangingProtocol,
    Priority,
    ReadingStatus,
    Report,
    ReportTemplate,
    Series,
    Study,
    Tag,
)
from studies.models.report import MAX_SECTION, SECTIONS

_MAX_LABEL = 200
_MAX_NOTE = 1000
_MAX_PREDECESSORS = 100
_MAX_MAGNITUDE = 1e12
_MAX_FRAME = 2**31 - 1
_PAIRS = [[a, b] for a in (int, float) for b in (int, float)]


def parsed(kind: type[serializers.Serializer], data: Any) -> dict[str, Any]:
    """What a request holds; DRF's ValidationError, answered with 400, says what is wrong."""
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


class TagsField(serializers.ListField):
    """Names of tags; of all studies of an answer they are read once, if there are any."""

    child = serializers.CharField()
    _names: dict[int, str] | None = None

    def to_representation(self, value: list[int]) -> list[str]:
        if not value:
            return []
        if self._names is None:
            self._names = dict(Tag.objects.values_list("pk", "name"))
        return [name for key in value if (name := self._names.get(key))]


class StudySerializer(serializers.ModelSerializer):
    assigned_to: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="username", read_only=True
    )
    tags = TagsField(read_only=True)

    class Meta:
        model = Study
        fields = [
            "study_instance_uid", "study_date", "study_time", "accession_number", "study_id",
            "study_description", "referring_physician_name", "institution_name", "patient_id",
            "issuer_of_patient_id", "patient_name", "patient_name_ideographic",
            "patient_name_phonetic", "patient_birth_date", "patient_sex", "modalities_in_study",
            "number_of_study_related_series", "number_of_study_related_instances", "size_bytes",
            "received_at", "reading_status", "priority", "assigned_to", "tags",
            "number_of_comments",
        ]  # fmt: skip


class SeriesSerializer(serializers.ModelSerializer):
    class Meta:
        model = Series
        fields = [
            "series_instance_uid", "modality", "series_number", "series_description",
            "body_part_examined", "institution_name", "number_of_series_related_instances",
            "size_bytes",
        ]  # fmt: skip


class StudyDetailSerializer(StudySerializer):
    series = SeriesSerializer(many=True)

    class Meta(StudySerializer.Meta):
        fields = [*StudySerializer.Meta.fields, "series"]


class StudyPageSerializer(serializers.Serializer):
    """One page; `next` and `previous` are the parameters `after` and `before` of its neighbours."""

    count = serializers.IntegerField(help_text="Exact unless `count_is_lower_bound`.")
    count_is_lower_bound = serializers.BooleanField()
    next = serializers.IntegerField(allow_null=True)
    previous = serializers.IntegerField(allow_null=True)
    results = StudySerializer(many=True)


class StudySearchSerializer(serializers.Serializer):
    """A search; the same fields as the study list's filters."""

    text = serializers.CharField(
        required=False, max_length=200, help_text="As in the search box of the list."
    )
    patient_id = serializers.CharField(required=False, max_length=64)
    accession_number = serializers.CharField(required=False, max_length=64)
    patient_name = serializers.CharField(required=False, max_length=200)
    study_description = serializers.CharField(required=False, max_length=200)
    modality = serializers.ListField(child=serializers.CharField(max_length=16), required=False)
    reading_status = serializers.ChoiceField(choices=ReadingStatus.choices, required=False)
    priority = serializers.ChoiceField(choices=Priority.choices, required=False)
    assigned_to = serializers.CharField(
        required=False, max_length=20, help_text="Key of a user, `me` or `nobody`."
    )
    tag = serializers.CharField(required=False, max_length=10, help_text="Key of a tag.")
    date_from = serializers.DateField(required=False)
    date_to = serializers.DateField(required=False)
    sort = serializers.CharField(required=False, max_length=20)
    size = serializers.IntegerField(required=False, min_value=1, max_value=200)
    after = serializers.IntegerField(required=False, min_value=1)
    before = serializers.IntegerField(required=False, min_value=1)


class ChangedRowSerializer(serializers.ModelSerializer):
    """What changes of a row while somebody looks at it, as the list shows it."""

    reading = serializers.CharField(source="get_reading_status_display")
    priority_name = serializers.CharField(source="get_priority_display")
    reader = serializers.CharField(source="assigned_to.display_name", default="")

    class Meta:
        model = Study
        fields = [
            "id", "reading_status", "reading", "priority", "priority_name", "reader",
            "number_of_comments",
        ]  # fmt: skip


class ChangesSerializer(serializers.Serializer):
    mark = serializers.CharField(help_text="What to ask with the next time.")
    new = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Keys of studies that are not among the rows; one may be told twice.",
    )
    has_more = serializers.BooleanField()
    rows = ChangedRowSerializer(many=True)


class HangingProtocolSerializer(serializers.ModelSerializer):
    """Cells as `studies.models.hanging_protocol` describes them."""

    cells = serializers.ListField(child=serializers.DictField())

    class Meta:
        model = HangingProtocol
        fields = ["name", "rows", "columns", "cells"]


class OtherStudySerializer(serializers.ModelSerializer):
    """What a line about a study says."""

    class Meta:
        model = Study
        fields = ["study_instance_uid", "study_date", "study_description", "modalities_in_study"]


class HangingSerializer(serializers.Serializer):
    study = OtherStudySerializer()
    protocol = HangingProtocolSerializer()
    prior = OtherStudySerializer(
        allow_null=True, help_text="The newest relevant one, which need not be among the others."
    )
    others = OtherStudySerializer(many=True)
    has_more_others = serializers.BooleanField()


# --- Measurements and key images ------------------------------------------------------------------


class UidField(serializers.CharField):
    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=64, **options)

    def to_internal_value(self, data: Any) -> str:
        uid = str(super().to_internal_value(data))
        if not is_uid(uid):
            raise serializers.ValidationError("Not a UID.")
        return uid


@extend_schema_field({"type": "array", "items": {"type": "array", "items": {"type": "number"}}})
class PointsField(serializers.Field):
    """Pairs of column and row; one field of its own, because there may be thousands."""

    def to_internal_value(self, data: Any) -> tuple[tuple[float, float], ...]:
        if not isinstance(data, list) or not 0 < len(data) <= MAX_POINTS:
            raise serializers.ValidationError(f"A list of 1 to {MAX_POINTS} points.")
        if not all(isinstance(point, list) and list(map(type, point)) in _PAIRS for point in data):
            raise serializers.ValidationError("A point is a column and a row, both numbers.")
        return tuple((float(column), float(row)) for column, row in data)

    def to_representation(self, value: Any) -> Any:
        return value


class ValueSerializer(serializers.Serializer):
    quantity = serializers.ChoiceField([q.value for q in Quantity])
    value = serializers.FloatField(min_value=-_MAX_MAGNITUDE, max_value=_MAX_MAGNITUDE)
    unit = serializers.ChoiceField(list(UNITS))


class MeasurementSerializer(serializers.Serializer):
    kind = serializers.ChoiceField([kind.value for kind in Kind])
    tracking_uid = UidField()
    label = serializers.CharField(max_length=_MAX_LABEL, allow_blank=True, default="")  # type: ignore[assignment]
    sop_instance_uid = UidField()
    frame = serializers.IntegerField(min_value=1, max_value=_MAX_FRAME, default=1)
    points = PointsField()
    values = ValueSerializer(many=True, default=list, max_length=len(Quantity))  # type: ignore[call-arg]
    at_detector = serializers.BooleanField(default=False)


class MeasurementsSerializer(serializers.Serializer):
    """All measurements of the sender; `predecessors` are the documents that they come from."""

    predecessors = serializers.ListField(
        child=UidField(), max_length=_MAX_PREDECESSORS, default=list
    )
    measurements = MeasurementSerializer(many=True, max_length=MAX_ITEMS)  # type: ignore[call-arg]


class KeyImageSerializer(serializers.Serializer):
    sop_instance_uid = UidField()
    frame = serializers.IntegerField(
        min_value=1, max_value=_MAX_FRAME, allow_null=True, default=None
    )


class KeyImagesSerializer(serializers.Serializer):
    """All key images of the sender; likewise."""

    predecessors = serializers.ListField(
        child=UidField(), max_length=_MAX_PREDECESSORS, default=list
    )
    note = serializers.CharField(max_length=_MAX_NOTE, allow_blank=True, default="")
    images = KeyImageSerializer(many=True, max_length=MAX_ITEMS)  # type: ignore[call-arg]


class SavedSerializer(serializers.Serializer):
    sop_instance_uid = serializers.CharField(help_text="Empty where nothing is left.")


class _DocumentSerializer(serializers.Serializer):
    sop_instance_uid = serializers.CharField()
    author = serializers.CharField()
    is_own = serializers.BooleanField()
    saved_at = serializers.DateTimeField()


class DrawnSerializer(MeasurementSerializer):
    """As it is kept; of another vendor's, quantity and unit may be any words."""

    series_instance_uid = serializers.CharField()


class MeasurementDocumentSerializer(_DocumentSerializer):
    measurements = DrawnSerializer(many=True)
    not_shown = serializers.IntegerField(help_text="Of another form, or of no image here.")


class CurrentMeasurementsSerializer(serializers.Serializer):
    may_save = serializers.BooleanField()
    documents = MeasurementDocumentSerializer(many=True)


class ChosenSerializer(KeyImageSerializer):
    series_instance_uid = serializers.CharField()


class KeyImageDocumentSerializer(_DocumentSerializer):
    title = serializers.CharField()
    note = serializers.CharField()
    images = ChosenSerializer(many=True)


class CurrentKeyImagesSerializer(serializers.Serializer):
    may_save = serializers.BooleanField()
    documents = KeyImageDocumentSerializer(many=True)


class ActSerializer(serializers.Serializer):
    act = serializers.ChoiceField(choices=["print", "picture", "video"])


# --- Reports -------------------------------------------------------------------------------------


class AddendumSerializer(serializers.ModelSerializer):
    signed_by = serializers.CharField(source="signed_by.display_name", read_only=True)
    text = serializers.CharField(max_length=MAX_SECTION)

    class Meta:
        model = Addendum
        fields = ["number", "text", "signed_by", "signed_at"]
        read_only_fields = ["signed_at"]


class ReportSerializer(serializers.ModelSerializer):
    author = serializers.CharField(source="author.display_name")
    saved_by = serializers.CharField(source="saved_by.display_name")
    signed_by = serializers.CharField(source="signed_by.display_name", default=None)
    is_signed = serializers.BooleanField()
    addenda = AddendumSerializer(many=True)

    class Meta:
        model = Report
        fields = [
            *SECTIONS, "version", "author", "created_at", "saved_by", "saved_at", "is_signed",
            "signed_by", "signed_at", "addenda",
        ]  # fmt: skip


class ReadingSerializer(serializers.Serializer):
    """What the page of a reader needs to begin."""

    reading_status = serializers.ChoiceField(choices=ReadingStatus.choices)
    reader = serializers.CharField(help_text="User name of who asks.")
    may_write = serializers.BooleanField()
    report = ReportSerializer(allow_null=True)


def _section() -> serializers.CharField:
    return serializers.CharField(allow_blank=True, required=False, max_length=MAX_SECTION)


class VersionSerializer(serializers.Serializer):
    version = serializers.UUIDField(
        allow_null=True, help_text="Of the report that was changed; null where there was none."
    )


class DraftSerializer(VersionSerializer):
    """The text of all sections; those that are left out become empty."""

    indication = _section()
    technique = _section()
    comparison = _section()
    findings = _section()
    impression = _section()


class TemplateSerializer(serializers.ModelSerializer):
    class Meta:
        model = ReportTemplate
        fields = ["name", *SECTIONS]
