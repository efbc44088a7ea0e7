"""Signed tokens for programs: granted, renewed, revoked; and the keys to check them by."""

from typing import Any

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, JsonResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import attempts, grants, second_factor
from accounts.answers import too_many_requests
from accounts.keys import jwks
from accounts.serializers import (
    RefreshSerializer,
    SignInSerializer,
    TokensSerializer,
)


class _OpenView(APIView):
    """For whoever has no token yet; cookies are not read."""

    authentication_classes = ()
    permission_classes = ()
    is_open_to_all = True


class TokenView(_OpenView):
    """For a name, a password and, where one is set up, a code: an access and a refresh token."""

    @extend_schema(operation_id="token", request=SignInSerializer, responses=TokensSerializer)
    def post(self, request: Request) -> Response:
        asked = _read(SignInSerializer, request)
        http_request = request._request  # noqa: SLF001
        user = get_adapter().authenticate(
            http_request, username=asked["username"], password=asked["password"]
        )
        if user is None:
            return _refused("This user name and password do not belong together.")
        if second_factor.is_set_up(user):
            account = f"code:{user.pk}"
            if wait := attempts.begin(http_request, account):
                return too_many_requests(http_request, wait)  # type: ignore[return-value]
            if not second_factor.check(user, asked["code"]):
                attempts.failed("wrong code", user)
                return _refused("The code of the second factor is missing or not valid.")
            attempts.succeeded(http_request, account)
        elif second_factor.is_required(user):
            return _refused("Your role needs a second factor: set it up in the portal first.")
        return _granted(lambda: grants.begin(user, name=asked["name"], scopes=asked["scopes"]))


class RefreshView(_OpenView):
    """The next two tokens for a refresh token, which is good once."""

    @extend_schema(
        operation_id="token_refresh", request=RefreshSerializer, responses=TokensSerializer
    )
    def post(self, request: Request) -> Response:
        asked = _read(RefreshSerializer, request)
        return _granted(lambda: grants.refresh(asked["refresh_token"]))


class RevokeView(_OpenView):
    """Ends what a refresh token belongs to; the answer is the same for what is none (RFC 7009)."""

    @extend_schema(operation_id="token_revoke", request=RefreshSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        grants.revoke(_read(RefreshSerializer, request)["refresh_token"])
        return Response(status=204)


def key_set(_request: HttpRequest) -> JsonResponse:
    """The JWK Set that checks the signatures of access tokens (RFC 7517 5)."""
    headers = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}
    return JsonResponse(jwks(), headers=headers)


key_set.login_required = False  # type: ignore[attr-defined]


def _read(kind: type, request: Request) -> dict[str, Any]:
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    asked: dict[str, Any] = serializer.validated_data
    return asked


def _granted(make: Any) -> Response:
    try:
        tokens = make()
    except grants.NotGrantedError as error:
        return _refused(str(error))
    answer = {
        "access_token": tokens.access,
        "refresh_token": tokens.refresh,
        "token_type": "Bearer",
        "expires_in": grants.ACCESS_SECONDS,
        "scope": " ".join(tokens.scopes),
    }
    return Response(TokensSerializer(answer).data, headers={"Cache-Control": "no-store"})


def _refused(sentence: str) -> Response:
    return Response({"detail": sentence}, status=401, headers={"Cache-Control": "no-store"})
