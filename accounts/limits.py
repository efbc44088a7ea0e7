"""How often something may be done, counted once for all replicas.

A period begins with its first use and ends `seconds` later (`settings.PACS_RATE_LIMITS`). Uses are
counted in Redis where there is one. While it does not answer, and where there is none, they are
counted in PostgreSQL: a limit is never open because a server is away.

Count outside of transactions: a rollback would forget the use, and others would wait for the row.
"""

import hashlib
import logging
import math
import time
from functools import cache

import redis
from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.models import LimitedUse

logger = logging.getLogger(__name__)

# A Redis that hangs must not hang every request.
_REDIS_TIMEOUT_SECONDS = 0.25
_REDIS_AGAIN_SECONDS = 5
_redis_is_away_until = 0.0

_COUNT_IN_DATABASE = """
    INSERT INTO accounts_limiteduse AS counted (key, uses, ends_at)
    VALUES (%(key)s, %(uses)s, statement_timestamp() + make_interval(secs => %(seconds)s))
    ON CONFLICT (key) DO UPDATE SET
        uses = CASE WHEN counted.ends_at > statement_timestamp()
            THEN LEAST(counted.uses, 1000000000) ELSE 0 END + excluded.uses,
        ends_at = CASE WHEN counted.ends_at > statement_timestamp()
            THEN counted.ends_at ELSE excluded.ends_at END
    RETURNING uses, EXTRACT(epoch FROM ends_at - statement_timestamp())::float8
"""
# Atomic in Redis as the statement above in PostgreSQL.
_COUNT_IN_REDIS = """
    local uses = redis.call('INCRBY', KEYS[1], ARGV[1])
    if uses == tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
    return {uses, redis.call('PTTL', KEYS[1])}
"""


def retry_after(name: str, key: str, *, uses: int = 1) -> int | None:
    """Count a use of the limit `name` by `key`: a user, an address, whoever it is for.

    Returns:
        None if that is allowed, else the seconds after which it is again.
    """
    allowed, seconds = settings.PACS_RATE_LIMITS[name]
    if not allowed:
        return None
    counted, remaining = _count(_digest(name, key), uses, seconds)
    return None if counted <= allowed else max(1, math.ceil(remaining))


def give_back(name: str, key: str) -> None:
    """Take back a use, where only what fails is to count."""
    allowed, seconds = settings.PACS_RATE_LIMITS[name]
    if allowed:
        _count(_digest(name, key), -1, seconds)


def sweep() -> int:
    """Remove counts whose period is over; how many those were."""
    removed, _ = LimitedUse.objects.filter(ends_at__lt=timezone.now()).delete()
    return removed


def _digest(name: str, key: str) -> str:
    """Keys may be names that people type: neither store need know them."""
    return hashlib.sha256(f"{name}:{key}".encode(errors="surrogatepass")).hexdigest()


def _count(digest: str, uses: int, seconds: int) -> tuple[int, float]:
    """Uses since the period began, and how long it still lasts."""
    global _redis_is_away_until  # noqa: PLW0603 - each process finds out for itself
    if settings.PACS_REDIS_URL and time.monotonic() >= _redis_is_away_until:
        try:
            script = _client(settings.PACS_REDIS_URL).register_script(_COUNT_IN_REDIS)
            counted, left = script(keys=[f"pacs:limit:{digest}"], args=[uses, seconds * 1000])
            return counted, left / 1000
        except redis.RedisError as error:
            _redis_is_away_until = time.monotonic() + _REDIS_AGAIN_SECONDS
            logger.warning("Redis is away (%s): limits in PostgreSQL", type(error).__name__)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_IN_DATABASE, {"key": digest, "uses": uses, "seconds": seconds})
        counted, left = cursor.fetchone()
    return counted, left


@cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=_REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=_REDIS_TIMEOUT_SECONDS,
    )


# --- Limits that are used too often to ask each time ---------------------------------------------

_LARGEST_BLOCK = 100
_MOST_BLOCKS = 1000
_blocks: dict[tuple[str, str], tuple[int, float]] = {}


def retry_after_in_blocks(name: str, key: str) -> int | None:
    """As `retry_after`, for requests by the thousand: this process takes many uses at a time.

    What it took and does not use within the period is lost, so that the limit is kept by all
    replicas together, if a little early.
    """
    left, until = _blocks.get((name, key), (0, 0.0))
    if left and time.monotonic() < until:
        _blocks[name, key] = left - 1, until
        return None
    allowed, seconds = settings.PACS_RATE_LIMITS[name]
    block = min(max(allowed // 20, 1), _LARGEST_BLOCK)
    wait = retry_after(name, key, uses=block)
    if wait is None:
        if len(_blocks) >= _MOST_BLOCKS:
            _blocks.clear()
        _blocks[name, key] = block - 1, time.monotonic() + seconds
    return wait
