"""Messages as events of Bluesky's Jetstream (v1), and deletions."""

import re
from base64 import b32encode
from hashlib import sha256
from typing import Any

from polyphonie.records import Kind
from simulator.world.clock import iso
from simulator.world.script import Message, Script
from simulator.world.wording import Wording, word

_MARKED = re.compile(r"https://\S+|#\w+|@[\w.-]+\.example")
_DELAY_US = 1_000_000
# The base 32 of record keys: the order of their text is the order of time.
_SORTABLE = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"234567abcdefghijklmnopqrstuvwxyz")


def payload(script: Script, message: Message, seed: int) -> dict[str, Any]:
    """The event of the message's creation, seen at `message.at`."""
    record = _repost(message) if message.kind is Kind.REPOST else _post(script, message, seed)
    commit = {"rev": _key(message.at, message.number), "operation": "create", "collection": _collection(message)}
    return _event(message, message.at, commit | {"rkey": _rkey(message), "record": record, "cid": _cid(message)})


def deletion(message: Message) -> dict[str, Any]:
    """The event of its deletion, seen at `message.deleted_at`."""
    commit = {"rev": _key(message.deleted_at, message.number), "operation": "delete"}
    return _event(message, message.deleted_at, commit | {"collection": _collection(message), "rkey": _rkey(message)})


def uri(message: Message) -> str:
    """What names the record on the whole network."""
    return f"at://{message.author.native_id}/{_collection(message)}/{_rkey(message)}"


def _event(message: Message, at: int, commit: dict[str, Any]) -> dict[str, Any]:
    return {"did": message.author.native_id, "time_us": at, "kind": "commit", "commit": commit}


def _collection(message: Message) -> str:
    return "app.bsky.feed.repost" if message.kind is Kind.REPOST else "app.bsky.feed.post"


def _post(script: Script, message: Message, seed: int) -> dict[str, Any]:
    wording = word(script, message, seed)
    record: dict[str, Any] = {
        "$type": "app.bsky.feed.post",
        "text": wording.text,
        "createdAt": iso(message.at - _DELAY_US),
        "langs": [message.lang],
    }
    if facets := _facets(wording):
        record["facets"] = facets
    if message.target and message.kind is Kind.REPLY:
        record["reply"] = {"root": _reference(_root(message)), "parent": _reference(message.target)}
    if message.target and message.kind is Kind.QUOTE:
        record["embed"] = {"$type": "app.bsky.embed.record", "record": _reference(message.target)}
    elif wording.link:
        external = {"uri": wording.link, "title": wording.link_title, "description": ""}
        record["embed"] = {"$type": "app.bsky.embed.external", "external": external}
    return record


def _repost(message: Message) -> dict[str, Any]:
    subject = _reference(message.target) if message.target else None
    return {"$type": "app.bsky.feed.repost", "subject": subject, "createdAt": iso(message.at - _DELAY_US)}


def _root(message: Message) -> Message:
    while message.target and message.kind is Kind.REPLY:
        message = message.target
    return message


def _reference(message: Message) -> dict[str, str]:
    return {"cid": _cid(message), "uri": uri(message)}


def _facets(wording: Wording) -> list[dict[str, Any]]:
    """What is marked in the text, between offsets in bytes of UTF-8."""
    facets = []
    for found in _MARKED.finditer(wording.text):
        feature = _feature(found[0], wording)
        if feature:
            start = len(wording.text[: found.start()].encode())
            index = {"byteStart": start, "byteEnd": start + len(found[0].encode())}
            facets.append({"index": index, "features": [feature]})
    return facets


def _feature(token: str, wording: Wording) -> dict[str, str] | None:
    kind = "app.bsky.richtext.facet#"
    if token.startswith("#"):
        return {"$type": f"{kind}tag", "tag": token[1:]}
    if token.startswith("@"):
        dids = [author.native_id for author in wording.mentioned if token == f"@{author.handle}"]
        return {"$type": f"{kind}mention", "did": dids[0]} if dids else None
    return {"$type": f"{kind}link", "uri": wording.link or token}


def _rkey(message: Message) -> str:
    return _key(message.at - _DELAY_US, message.number)


def _key(at: int, number: int) -> str:
    # Ten bits of a clock identifier after the microseconds; here they keep two messages of one instant apart.
    bits = (at + number // 1024 % 1000 << 10) | number % 1024
    return b32encode((bits << 15).to_bytes(10, "big"))[:13].translate(_SORTABLE).decode()


def _cid(message: Message) -> str:
    return "bafyrei" + b32encode(sha256(uri(message).encode()).digest()).decode().rstrip("=").lower()
