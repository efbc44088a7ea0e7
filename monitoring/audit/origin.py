"""Who did something, and from where."""

import getpass
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest

from accounts.addresses import client_address
from monitoring.models import ActorKind


@dataclass(frozen=True, slots=True)
class Origin:
    """A request, or the command that runs in this process.

    Attributes:
        request: None for a command.
        request_id: Ours, of all events of the request.
    """

    request: HttpRequest | None
    request_id: uuid.UUID | None

    @classmethod
    def of_request(cls, request: HttpRequest) -> "Origin":
        return cls(request, uuid.uuid4())

    @classmethod
    def of_process(cls) -> "Origin":
        return cls(None, None)

    def who(self, actor: Any) -> tuple[Any, ...]:
        """Tells people, programs and their sessions apart."""
        columns = self._actor_columns(actor)
        session = getattr(getattr(self.request, "session", None), "session_key", None)
        address = "" if session else self._address()
        return columns["actor_id"], columns["actor"], columns["token"], session, address

    def columns(self, actor: Any) -> dict[str, Any]:
        """Of an event, whose actor may be another than who sent the request."""
        return self._actor_columns(actor) | {
            "client_address": self._address(),
            "user_agent": self._header("User-Agent")[:200],
            "request_id": str(self.request_id) if self.request_id else None,
            "route": self._route()[:200],
        }

    def _actor_columns(self, actor: Any) -> dict[str, Any]:
        who = actor if actor is not None else self._whoever_asks()
        if isinstance(who, str):
            return _actor(ActorKind.COMMAND if self.request is None else ActorKind.ANONYMOUS, who)
        if isinstance(who, AbstractUser):
            # Whoever reads a token puts it on the user that they make of it.
            token = str(getattr(getattr(who, "token", None), "name", ""))[:120]
            kind = ActorKind.TOKEN if token else ActorKind.PERSON
            name = getattr(who, "display_name", "") or who.get_full_name()
            return _actor(kind, who.get_username(), who.pk, name, token)
        if name := getattr(who, "display_name", ""):
            return _actor(ActorKind.VISITOR, str(name))
        return _actor(ActorKind.ANONYMOUS, "")

    def _whoever_asks(self) -> Any:
        if self.request is not None:
            return getattr(self.request, "user", None)
        return getpass.getuser()

    def _address(self) -> str:
        return client_address(self.request) if self.request else ""

    def _header(self, name: str) -> str:
        return self.request.headers.get(name, "") if self.request else ""

    def _route(self) -> str:
        if self.request is None:
            return " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
        match = self.request.resolver_match
        return f"{self.request.method} {match.route}" if match else f"{self.request.method}"


def _actor(
    kind: ActorKind, actor: str, key: int | None = None, name: str = "", token: str = ""
) -> dict[str, Any]:
    return {
        "actor_kind": kind,
        "actor_id": key,
        "actor": actor[:150],
        "actor_name": name[:300],
        "token": token,
    }
