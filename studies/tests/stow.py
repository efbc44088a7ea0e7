"""Reading the answers of the Store Transaction (PS3.18 I)."""

PROCESSING_FAILURE = 0x0110
OUT_OF_RESOURCES = 0xA700
TOO_LARGE = 0xA701
OTHER_STUDY = 0xA901
CANNOT_UNDERSTAND = 0xC000
UNSUPPORTED_TRANSFER_SYNTAX = 0xC122


def stored(answer: dict) -> list[str]:
    """SOP Instance UIDs of what was stored."""
    return [item["00081155"]["Value"][0] for item in _items(answer, "00081199")]


def failed(answer: dict) -> list[tuple[str, int]]:
    """SOP Instance UID and Failure Reason of what was not."""
    return [
        (item["00081155"]["Value"][0], item["00081197"]["Value"][0])
        for item in _items(answer, "00081198")
    ]


def other_failures(answer: dict) -> list[int]:
    """Failure Reasons of what could not be named."""
    return [item["00081197"]["Value"][0] for item in _items(answer, "0008119A")]


def _items(answer: dict, tag: str) -> list[dict]:
    return answer.get(tag, {}).get("Value", [])
