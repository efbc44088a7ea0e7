"""Limits are kept by all replicas together, whatever counts them and whatever is away."""

import shutil
import subprocess
import threading
import time
from datetime import timedelta

import pytest
import redis
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import limits
from accounts.addresses import client_address
from accounts.limits import give_back, retry_after, retry_after_in_blocks, sweep
from accounts.models import LimitedUse
from accounts.tests.conftest import PASSWORD
from accounts.tokens import create_token
from pacs_portal.tests.running_portal import free_port, wait_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def limit(settings):
    """Sets limits of this test."""

    def limit(**uses):
        settings.PACS_RATE_LIMITS = settings.PACS_RATE_LIMITS | {
            name: (number, 60) for name, number in uses.items()
        }

    return limit


@pytest.fixture(scope="module")
def redis_url():
    port = free_port()
    server = subprocess.Popen(
        [shutil.which("redis-server"), "--port", str(port), "--save", "", "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
    )
    url = f"redis://127.0.0.1:{port}/0"
    try:
        wait_for(lambda: _answers(url))
        yield url
    finally:
        server.terminate()
        server.wait()


def _answers(url):

    try:
        return limits._client(url).ping()
    except redis.RedisError:
        return False


@pytest.fixture(params=["postgresql", pytest.param("redis", marks=pytest.mark.redis)])
def store(request, settings):
    """Both places where uses are counted."""
    if request.param == "redis":
        settings.PACS_REDIS_URL = request.getfixturevalue("redis_url")
        limits._client(settings.PACS_REDIS_URL).flushall()


def test_as_many_uses_as_are_allowed_pass_and_the_next_is_told_to_wait(store, limit):
    limit(share=3)

    answers = [retry_after("share", "marie") for _ in range(4)]

    assert answers == [None, None, None, 60]


def test_each_user_and_each_limit_counts_for_itself(store, limit):
    limit(share=1, token=1)

    assert [retry_after(*use) for use in [("share", "a"), ("share", "b"), ("token", "a")]] == [
        None
    ] * 3
    assert retry_after("share", "a") == 60


def test_a_use_that_is_given_back_may_be_used_again(store, limit):
    limit(share=1)

    for _ in range(3):
        assert retry_after("share", "marie") is None
        give_back("share", "marie")


def test_a_limit_of_zero_is_none_and_asks_nobody(limit, django_assert_num_queries):
    limit(share=0)

    with django_assert_num_queries(0):
        assert retry_after("share", "marie") is None


def test_a_new_period_begins_when_the_last_one_is_over(limit):
    limit(share=1)
    retry_after("share", "marie")
    retry_after("share", "marie")

    LimitedUse.objects.update(ends_at=timezone.now() - timedelta(seconds=1))

    assert [retry_after("share", "marie") for _ in range(2)] == [None, 60]


def test_the_time_to_wait_grows_shorter(limit):
    limit(share=1)
    retry_after("share", "marie")

    LimitedUse.objects.update(ends_at=timezone.now() + timedelta(seconds=7.5))

    assert retry_after("share", "marie") == 8


def test_a_use_is_one_statement(limit, django_assert_num_queries):
    limit(share=5)

    with django_assert_num_queries(1):
        retry_after("share", "marie")


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_many_at_once_no_more_pass_than_are_allowed(limit):
    limit(share=10)
    answers = []

    def use():
        answers.extend(retry_after("share", "marie") for _ in range(5))
        connection.close()

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers.count(None) == 10
    assert len(answers) == 40


def test_neither_store_knows_for_whom_it_counts(limit):
    limit(share=5)
    retry_after("share", "marie")

    assert "marie" not in str(list(LimitedUse.objects.values()))


def test_a_redis_that_is_away_leaves_the_limit_closed_and_is_asked_again_later(
    settings, limit, monkeypatch, caplog
):
    monkeypatch.setattr(limits, "_redis_is_away_until", 0.0)
    settings.PACS_REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    limit(share=2)

    answers = [retry_after("share", "marie") for _ in range(3)]

    assert answers == [None, None, 60]
    assert [record.name for record in caplog.records] == ["accounts.limits"]
    assert 0 < limits._redis_is_away_until - time.monotonic() <= 5


def test_what_is_over_is_swept(limit):
    limit(share=5)
    retry_after("share", "marie")
    retry_after("share", "pierre")
    LimitedUse.objects.filter(pk=LimitedUse.objects.first().pk).update(ends_at=timezone.now())

    assert sweep() == 1
    assert LimitedUse.objects.count() == 1


def test_uses_by_the_thousand_are_counted_in_blocks(limit, django_assert_num_queries):
    limit(dicomweb=2000)

    with django_assert_num_queries(20):
        allowed = [retry_after_in_blocks("dicomweb", "blocks") for _ in range(2000)]

    assert set(allowed) == {None}
    assert retry_after_in_blocks("dicomweb", "blocks") == 60


# --- At the doors ---------------------------------------------------------------------------------


def test_the_sixth_wrong_password_in_a_minute_is_not_looked_at(type_password):
    answers = [type_password("wrong password here").answer for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 60
    assert "Try again in" in answers[-1].content.decode()


def test_an_account_that_is_locked_refuses_the_right_password_from_everywhere(type_password, acts):
    for number in range(5):
        type_password("wrong password here", REMOTE_ADDR=f"192.0.2.{number}")
    acts.clear()

    client = type_password(REMOTE_ADDR="192.0.2.99")

    assert client.answer.status_code == 429
    assert client.get("/").status_code == 302
    assert [(act.what, act.outcome) for act in acts] == [("too many attempts", "refused")]


def test_an_address_that_tries_many_names_is_locked_out_for_all(type_password):
    for number in range(5):
        type_password("wrong password here", username=f"name-{number}")

    assert type_password().answer.status_code == 429


def test_an_unknown_name_is_locked_as_a_known_one_is(type_password):
    known, unknown = (
        [
            type_password(
                "wrong password here", username=name, REMOTE_ADDR=f"{network}.{n}"
            ).answer.status_code
            for n in range(6)
        ]
        for name, network in [("marie", "192.0.2"), ("nobody", "198.51.100")]
    )

    assert known == unknown == [200] * 5 + [429]


def test_who_signs_in_rightly_is_never_locked_out(type_password):
    answers = [type_password().answer.status_code for _ in range(8)]

    assert answers == [302] * 8


def test_the_address_is_the_one_that_our_proxy_saw(settings, type_password):
    settings.PACS_BEHIND_PROXY = True
    for number in range(5):
        type_password(
            "wrong password here",
            username=f"name-{number}",
            headers={"X-Forwarded-For": f"203.0.113.{number}, 192.0.2.1"},
        )

    def answer(forwarded):
        client = type_password(headers={"X-Forwarded-For": forwarded})
        return client.answer.status_code

    assert answer("203.0.113.77, 192.0.2.1") == 429
    assert answer("192.0.2.1, 203.0.113.77") == 302


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.7, 192.0.2.1, 198.51.100.9", "192.0.2.1"),
        ("192.0.2.1,198.51.100.9", "192.0.2.1"),
        ("192.0.2.1", "127.0.0.1"),
    ],
)
def test_behind_a_load_balancer_that_adds_its_own_address_the_one_before_it_counts(
    settings, rf, forwarded, address
):
    settings.PACS_BEHIND_PROXY, settings.PACS_PROXY_ADDRESSES = True, 2

    assert client_address(rf.get("/", headers={"X-Forwarded-For": forwarded})) == address


def test_without_a_proxy_what_a_client_says_of_its_address_is_not_believed(type_password):
    for number in range(5):
        type_password(
            "wrong password here", username=f"name-{number}",
            headers={"X-Forwarded-For": f"203.0.113.{number}"},
        )  # fmt: skip

    assert type_password(headers={"X-Forwarded-For": "203.0.113.77"}).answer.status_code == 429


def test_a_program_that_asks_too_often_is_told_in_json_when_to_come_back(user, limit):
    limit(api=2)
    _, text = create_token(user, name="tests", lifetime=None)
    client = Client(headers={"authorization": f"Bearer {text}"})

    *_, last = [client.get("/api/dicom/dictionary/") for _ in range(3)]

    assert (last.status_code, last["Retry-After"]) == (429, "60")
    assert last.json() == {"detail": "Too many requests. Try again in 60 seconds."}


def test_pages_that_poll_are_not_counted(client, limit):
    limit(page=1, api=1)

    assert {client.get("/api/session/").status_code for _ in range(5)} == {200}


def test_dicomweb_has_a_limit_of_its_own_and_says_so_in_its_way(client, limit, monkeypatch):
    monkeypatch.setattr(limits, "_blocks", {})
    limit(dicomweb=2, page=1)

    *_, last = [client.get("/dicom-web/studies") for _ in range(3)]

    assert (last.status_code, list(last.json())) == (429, ["error"])
    assert last["Retry-After"] == "60"


def test_uploads_of_a_person_are_limited(sign_in, limit):
    limit(upload=1)
    client = sign_in("technologist")

    first, second = (
        client.post("/dicom-web/studies", b"", content_type="multipart/related").status_code
        for _ in range(2)
    )

    assert (first == 429, second == 429) == (False, True)


def test_guesses_at_tokens_are_limited_by_address(db, limit):
    limit(api=2)
    client = Client(headers={"authorization": "Bearer pacs_guessed"})

    assert [client.get("/api/studies/").status_code for _ in range(3)] == [401, 401, 429]


def test_each_program_counts_for_its_user(user, limit):
    limit(api=1)
    other = type(user).objects.create_user("pierre", password=PASSWORD)
    clients = [
        Client(headers={"authorization": f"Bearer {create_token(one, name='x', lifetime=None)[1]}"})
        for one in (user, other)
    ]

    assert {client.get("/api/dicom/dictionary/").status_code for client in clients} == {200}
