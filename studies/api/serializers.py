"""Studies, series and reports as JSON."""

from typing import Any

from rest_framework import serializers

from studies.models import Addendum, ReadingStatus, Report, ReportTemplate, Series, Study
from studies.models.report import MAX_SECTION, SECTIONS


def parsed(kind: type[serializers.Serializer], data: Any) -> dict[str, Any]:
    """What a request holds; DRF's ValidationError, answered with 400, says what is wrong."""
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


class StudySerializer(serializers.ModelSerializer):
    class Meta:
        model = Study
        fields = [
            "study_instance_uid", "study_date", "study_time", "accession_number", "study_id",
            "study_description", "referring_physician_name", "institution_name", "patient_id",
            "issuer_of_patient_id", "patient_name", "patient_name_ideographic",
            "patient_name_phonetic", "patient_birth_date", "patient_sex", "modalities_in_study",
            "number_of_study_related_series", "number_of_study_related_instances", "size_bytes",
            "received_at", "reading_status",
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

    patient_id = serializers.CharField(required=False, max_length=64)
    accession_number = serializers.CharField(required=False, max_length=64)
    patient_name = serializers.CharField(required=False, max_length=200)
    study_description = serializers.CharField(required=False, max_length=200)
    modality = serializers.ListField(child=serializers.CharField(max_length=16), required=False)
    reading_status = serializers.ChoiceField(choices=ReadingStatus.choices, required=False)
    date_from = serializers.DateField(required=False)
    date_to = serializers.DateField(required=False)
    sort = serializers.CharField(required=False, max_length=20)
    size = serializers.IntegerField(required=False, min_value=1, max_value=200)
    after = serializers.IntegerField(required=False, min_value=1)
    before = serializers.IntegerField(required=False, min_value=1)


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
