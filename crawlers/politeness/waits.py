"""How long a server asks to be left alone: Retry-After, the rate limit headers, and what we do when it says nothing."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)

# The servers that may answer again if they are left alone for a while.
BUSY = frozenset({429, 502, 503, 504})
LOST = (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
# A reset below this is a number of seconds (IETF draft), above it an instant (GitHub, atproto).
FIRST_INSTANT = 1_000_000_000
FIRST_MILLISECONDS = 1_000_000_000_000


def asked(status: int, headers: Mapping[str, str], now: datetime) -> float:
    """Seconds for which an answer asks us to wait before the next one; 0 when it asks nothing.

    headers: by lower-case name. Instants are read by the server's own clock where it tells it (`Date`).
    """
    clock = _date(headers.get("date", "")) or now
    waits = [0.0]
    if status in BUSY:
        waits.append(_retry_after(headers.get("retry-after", ""), clock))
    for prefix in ("x-ratelimit", "ratelimit"):
        spent = headers.get(f"{prefix}-remaining", "").strip() == "0"
        if spent or status == 429:
            waits.append(_reset(headers.get(f"{prefix}-reset", ""), clock))
    return max(waits)


def backoff(strikes: int, first_s: float, longest_s: float) -> float:
    """Seconds after so many bad answers in a row: full jitter, so that many clients do not come back together."""
    return random.uniform(0, min(longest_s, first_s * 2.0 ** min(strikes - 1, 32)))


def _retry_after(words: str, clock: datetime) -> float:
    """RFC 9110: a number of seconds or an HTTP date."""
    if words.strip().isdecimal():
        return float(words)
    until = _date(words)
    return max(0.0, (until - clock).total_seconds()) if until else 0.0


def _reset(words: str, clock: datetime) -> float:
    """An ISO date as Mastodon writes it, an epoch, or seconds."""
    words = words.strip()
    try:
        number = float(words)
    except ValueError:
        until = _iso(words)
        return max(0.0, (until - clock).total_seconds()) if until else 0.0
    if not 0 < number < FIRST_MILLISECONDS * 10:
        return 0.0
    if number < FIRST_INSTANT:
        return number
    number /= 1000 if number >= FIRST_MILLISECONDS else 1
    return max(0.0, number - clock.timestamp())


def _date(words: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(words)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _iso(words: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(words)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
