"""When people speak: the hours of a French day and week; and instants as whole microseconds."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

HOUR_US = 3_600_000_000
PARIS = ZoneInfo("Europe/Paris")
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
# Relative volume of each hour in Paris: asleep until six, a bump at noon, the evening above all.
_BY_HOUR = (9, 5, 3, 2, 2, 4, 12, 28, 42, 46, 47, 50, 62, 60, 48, 44, 46, 54, 66, 76, 84, 82, 58, 26)
_BY_WEEKDAY = (1.0, 1.08, 1.05, 1.08, 0.98, 0.74, 0.82)


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970; exact, unlike `timestamp`."""
    return (moment - _ZERO) // timedelta(microseconds=1)


def instant(at: int) -> datetime:
    """The inverse of `microseconds`, in UTC."""
    return _ZERO + timedelta(microseconds=at)


def iso(at: int) -> str:
    """As platforms write it: UTC, milliseconds, Z."""
    return instant(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rhythm(since: int, hours: int) -> NDArray[np.float64]:
    """(hours,) relative volume of each hour from `since`."""
    local = [instant(since + hour * HOUR_US).astimezone(PARIS) for hour in range(hours)]
    return np.array([_BY_HOUR[moment.hour] * _BY_WEEKDAY[moment.weekday()] for moment in local], dtype=np.float64)
