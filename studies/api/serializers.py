"""Studies and series as JSON."""

from rest_framework import serializers

from studies.models import HangingProtocol, Series, Study


class StudySerializer(serializers.ModelSerializer):
    class Meta:
        model = Study
        fields = [
            "study_instance_uid", "study_date", "study_time", "accession_number", "study_id",
            "study_description", "referring_physician_name", "institution_name", "patient_id",
            "issuer_of_patient_id", "patient_name", "patient_name_ideographic",
            "patient_name_phonetic", "patient_birth_date", "patient_sex", "modalities_in_study",
            "number_of_study_related_series", "number_of_study_related_instances", "size_bytes",
            "received_at",
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
    date_from = serializers.DateField(required=False)
    date_to = serializers.DateField(required=False)
    sort = serializers.CharField(required=False, max_length=20)
    size = serializers.IntegerField(required=False, min_value=1, max_value=200)
    after = serializers.IntegerField(required=False, min_value=1)
    before = serializers.IntegerField(required=False, min_value=1)


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
