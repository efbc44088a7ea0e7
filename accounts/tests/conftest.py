from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from accounts.acts import Act, Action, acted
from accounts.models import User

PASSWORD = "correct horse battery staple"


@pytest.fixture
def user(db) -> User:
    return get_user_model().objects.create_user(
        "marie", email="marie@hospital.example", password=PASSWORD
    )


@pytest.fixture
def type_password(user) -> Callable[..., Client]:
    """A client that has typed the password, right unless told otherwise, and what was answered."""

    def type_password(password: str = PASSWORD, username: str = "marie", **extra) -> Client:
        client = Client(**extra)
        client.answer = client.post("/accounts/login/", {"login": username, "password": password})
        return client

    return type_password


@pytest.fixture
def acts() -> Iterator[list[Act]]:
    """What was told of accounts to the audit trail during the test, not what pages were read."""
    told: list[Act] = []

    def keep(act: Act, **_rest: object) -> None:
        if act.action not in {Action.SEARCH, Action.VIEW}:
            told.append(act)

    acted.connect(keep)
    yield told
    acted.disconnect(keep)
