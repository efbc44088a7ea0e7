"""The shape of the health answer, for the API's schema."""

from rest_framework import serializers

STATES = ["up", "down"]


class ComponentSerializer(serializers.Serializer):
    state = serializers.ChoiceField(choices=STATES)
    latency_ms = serializers.FloatField(allow_null=True)
    detail = serializers.CharField()


class ComponentsSerializer(serializers.Serializer):
    api = ComponentSerializer()
    database = ComponentSerializer()


class HealthSerializer(serializers.Serializer):
    state = serializers.ChoiceField(choices=STATES)
    components = ComponentsSerializer()
    checked_at = serializers.DateTimeField()
