"""A forgotten password is replaced by mail, and nobody learns who has an account."""

import re
import threading

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client

from accounts.tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

RESET = "/accounts/password/reset/"
NEW = "another long passphrase"


def ask(email: str = "marie@hospital.example"):
    answer = Client().post(RESET, {"email": email}, follow=True)
    for thread in threading.enumerate():
        if thread.name == "mail":
            thread.join()
    return answer


def link() -> str:
    return re.search(r"https?://testserver(\S+)", mail.outbox[-1].body)[1]


def set_password(address: str, password: str = NEW):
    client = Client()
    page = client.get(address, follow=True)
    form = page.request["PATH_INFO"]
    return client.post(form, {"password1": password, "password2": password}, follow=True)


def test_the_link_of_a_mail_sets_a_new_password(user):
    ask()

    page = set_password(link()).content.decode()

    user.refresh_from_db()
    assert "Your new password is set" in page
    assert user.check_password(NEW)
    assert mail.outbox[0].to == ["marie@hospital.example"]


def test_an_unknown_address_is_answered_alike_and_gets_no_mail(user):
    known, unknown = ask(), ask("nobody@hospital.example")

    def main(answer):
        return answer.content.decode().split("<main")[1]

    assert main(known) == main(unknown)
    assert [message.to for message in mail.outbox] == [["marie@hospital.example"]]


def test_who_left_gets_no_mail(user):
    get_user_model().objects.update(is_active=False)

    ask()

    assert mail.outbox == []


def test_a_link_works_once(user):
    ask()
    set_password(link())

    page = set_password(link(), "yet another passphrase").content.decode()

    user.refresh_from_db()
    assert "This link does not work any more" in page
    assert user.check_password(NEW)


def test_a_link_is_good_for_an_hour(user, settings, monkeypatch):
    ask()
    settings.PASSWORD_RESET_TIMEOUT = -1

    assert "does not work any more" in set_password(link()).content.decode()


def test_the_key_of_the_link_does_not_stay_in_the_address(user):
    ask()

    page = Client().get(link(), follow=True)

    assert page.request["PATH_INFO"].endswith("-set-password/")


@pytest.mark.parametrize("weak", ["short", "1234567890123456", "password1234", "marie@hospital"])
def test_a_weak_password_is_refused_and_says_why(user, weak):
    ask()

    page = set_password(link(), weak)

    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert "errorlist" in page.content.decode()


def test_a_reset_ends_every_session_and_signs_nobody_in(user, type_password, acts):
    signed_in = type_password()
    ask()
    acts.clear()

    set_password(link())

    assert signed_in.get("/").status_code == 302
    assert [act.what for act in acts] == ["password changed", "sessions ended"]


def test_a_reset_does_not_go_around_the_second_factor(user):
    from allauth.mfa.models import Authenticator  # noqa: PLC0415

    from accounts.tests.test_second_factor import SECRET  # noqa: PLC0415

    Authenticator.objects.create(user=user, type="totp", data={"secret": SECRET})
    ask()
    set_password(link())
    client = Client()

    client.post("/accounts/login/", {"login": "marie", "password": NEW})

    assert client.get("/").status_code == 302


def test_mails_cannot_be_sent_by_the_hundred(user):
    answers = [ask().status_code for _ in range(6)]

    assert answers == [200] * 5 + [429]
    assert len(mail.outbox) == 5
