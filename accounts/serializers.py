from rest_framework import serializers


class SessionSerializer(serializers.Serializer):
    remaining_seconds = serializers.IntegerField(
        allow_null=True, help_text="Null for a program, which has a token and no session."
    )
