from typing import Any

from rest_framework import serializers

from accounts.models import Scope


class SessionSerializer(serializers.Serializer):
    remaining_seconds = serializers.IntegerField(
        allow_null=True, help_text="Null for a program, which has a token and no session."
    )
    longest_seconds = serializers.IntegerField(
        allow_null=True, help_text="Until the session ends whatever its user does."
    )


class SignInSerializer(serializers.Serializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1024, trim_whitespace=False)
    code = serializers.CharField(
        max_length=20, default="", allow_blank=True, help_text="Of the second factor, if set up."
    )
    name = serializers.CharField(max_length=100, help_text="What will use the tokens, and where.")
    scope = serializers.CharField(
        max_length=100, default=" ".join(Scope), help_text="Some of: read write delete."
    )

    def validate_scope(self, text: str) -> list[str]:
        scopes = list(dict.fromkeys(text.split()))
        if not scopes or not set(scopes) <= set(Scope):
            raise serializers.ValidationError(f"Scopes are some of: {' '.join(Scope)}.")
        return scopes

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return attrs | {"scopes": attrs.pop("scope")}


class RefreshSerializer(serializers.Serializer):
    refresh_token = serializers.CharField(max_length=200)


class TokensSerializer(serializers.Serializer):
    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    scope = serializers.CharField()
