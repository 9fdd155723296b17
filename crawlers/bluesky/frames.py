"""What comes down the websocket, v1 or v2, as one shape: the v1 event, its instant and its number in the stream."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from polyphonie.errors import PayloadError

Json = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_V1_FIELDS = {
    "": {"did", "time_us", "cursor", "kind", "commit", "identity", "account"},
    "commit": {"rev", "operation", "collection", "rkey", "record", "cid"},
    "identity": {"did", "handle", "seq", "time"},
    "account": {"active", "did", "seq", "status", "time"},
    "sync": {"did", "seq", "time", "rev", "blocks"},
}
_V2_ENVELOPE = {"$type", "seq", "did", "time"}


class StreamError(Exception):
    """The server says that it ends the stream, and why."""


class Told(NamedTuple):
    """One event. `seq`: its number at that server (v2); `advice`: what the server says of the stream, without event;
    `unknown`: names of fields that the published format does not have."""

    event: Json
    time_us: int
    seq: int | None
    advice: str = ""
    unknown: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "Told()"


def told(raw: str | bytes) -> Told | None:
    """The event of a frame; None for a kind of frame that this version does not know.

    Raises PayloadError when it cannot be read, StreamError when the server ends the stream with it.
    """
    try:
        frame = json.loads(raw)
    except (ValueError, RecursionError):
        raise PayloadError("not JSON") from None
    if not isinstance(frame, dict):
        raise PayloadError("not a JSON object")
    kind = frame.get("$type")
    if kind is None:
        return _v1(frame)
    if kind == "error":
        raise StreamError(str(frame.get("error", ""))[:40])
    payload = frame.get("payload")
    if kind != "message" or not isinstance(payload, dict):
        return None
    return _v2(payload)


def _v1(event: Json) -> Told:
    if not isinstance(event.get("did"), str) or type(event.get("time_us")) is not int:
        raise PayloadError("did, time_us: missing")
    unknown = _unknown(event, _V1_FIELDS[""], "")
    kind = event.get("kind")
    part = event.get(kind) if isinstance(kind, str) else None
    if isinstance(part, dict) and kind in _V1_FIELDS:
        unknown += _unknown(part, _V1_FIELDS[kind], f"{kind}.")
    return Told(event, event["time_us"], None, unknown=unknown)


def _v2(payload: Json) -> Told | None:
    kind = str(payload.get("$type", "")).rpartition("#")[2]
    if kind == "info":
        return Told({}, 0, None, advice=str(payload.get("name", ""))[:40])
    if kind not in _V1_FIELDS:
        return None
    did, seq = payload.get("did"), payload.get("seq")
    if not isinstance(did, str) or type(seq) is not int:
        raise PayloadError("did, seq: missing")
    try:
        time_us = (datetime.fromisoformat(payload["time"]) - _EPOCH) // _MICROSECOND
    except (KeyError, TypeError, ValueError):
        raise PayloadError("time: unreadable") from None
    if kind == "commit":
        unknown = _unknown(payload, _V2_ENVELOPE | _V1_FIELDS["commit"], "commit.")
        part: object = payload
    else:
        unknown = _unknown(payload, _V2_ENVELOPE | {kind}, f"{kind}.")
        part = payload.get(kind)
        if isinstance(part, dict):
            unknown += _unknown(part, _V1_FIELDS[kind], f"{kind}.{kind}.")
    return Told({"did": did, "time_us": time_us, "kind": kind, kind: part}, time_us, seq, unknown=unknown)


def _unknown(found: Json, known: set[str], where: str) -> tuple[str, ...]:
    # Every event has "$type" somewhere in v2; sets of a few keys compare in a fraction of a microsecond.
    if found.keys() <= known:
        return ()
    return tuple(f"{where}{name[:40]}" for name in found.keys() - known if name != "$type")
