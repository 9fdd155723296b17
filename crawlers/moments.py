"""Dates as platforms write them, to instants with a zone."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from uuid import UUID

from polyphonie.errors import PayloadError

GREGORIAN_START = datetime(1582, 10, 15, tzinfo=UTC)  # zero of the clock in a UUID of version 1 (RFC 9562, 5.1)
_RUBY_ZONE = re.compile(r" UTC$| \+0000$")


def instant(text: str, pattern: str = "iso", zone: tzinfo | None = None) -> datetime:
    """The instant that `text` names.

    pattern: "iso", "epoch" (seconds), "epoch_ms", or a `strptime` format; zone: where the text names none.
    In the hour that winter repeats, a text without zone means the first time. Raises PayloadError.
    """
    text = text.strip()
    try:
        if pattern == "epoch":
            return datetime.fromtimestamp(float(text), UTC)
        if pattern == "epoch_ms":
            return datetime.fromtimestamp(float(text) / 1000, UTC)
        if pattern == "iso":
            moment = datetime.fromisoformat(_RUBY_ZONE.sub("+00:00", text))
        else:
            moment = datetime.strptime(text, pattern)
        moment = moment if moment.tzinfo or zone is None else moment.replace(tzinfo=zone)
        if moment.tzinfo is None:
            raise PayloadError("a date without a zone")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise PayloadError("a date that cannot be read" if text else "no date") from None


def instant_of_uuid(text: str) -> datetime | None:
    """When an identifier was made, if it is a UUID of version 1, which tells; else None."""
    try:
        identifier = UUID(text)
    except ValueError:
        return None
    if identifier.version != 1:
        return None
    return GREGORIAN_START + timedelta(microseconds=identifier.time // 10)
