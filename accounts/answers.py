"""How a request is refused before any view sees it, in the words of the door that it came to."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

PROGRAM_PREFIXES = ("/api/", "/dicom-web/")
REALM = 'realm="PACS Portal"'


def is_of_a_program(request: HttpRequest) -> bool:
    return request.path_info.startswith(PROGRAM_PREFIXES)


def unauthorized(sentence: str, challenge: str) -> JsonResponse:
    """401 with the challenge that RFC 9110 15.5.2 demands."""
    return JsonResponse(
        {"detail": sentence},
        status=401,
        headers={"WWW-Authenticate": challenge, "Cache-Control": "no-store"},
    )


def forbidden(request: HttpRequest, sentence: str) -> HttpResponse:
    return _refusal(request, 403, sentence)


def too_many_requests(request: HttpRequest, seconds: int) -> HttpResponse:
    """429: come back after so many seconds (RFC 6585 4)."""
    response = _refusal(request, 429, f"Too many requests. Try again in {duration(seconds)}.")
    response.headers["Retry-After"] = str(seconds)
    return response


def duration(seconds: int) -> str:
    """As people say it: `40 seconds`, `5 minutes`."""
    count, unit = (seconds, "second") if seconds <= 90 else (-(-seconds // 60), "minute")  # noqa: PLR2004
    return f"{count} {unit}{'s' if count != 1 else ''}"


def _refusal(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    if request.path_info.startswith("/dicom-web/"):
        return JsonResponse({"error": sentence}, status=status, headers=headers)
    if is_of_a_program(request):
        return JsonResponse({"detail": sentence}, status=status, headers=headers)
    return render(request, f"{status}.html", {"sentence": sentence}, status=status)
