"""Events of a Jetstream, as small people would make them: each a second after the one before."""

import time
from itertools import count
from typing import Any

POST, REPOST, LIKE = (f"app.bsky.feed.{name}" for name in ("post", "repost", "like"))
PROFILE = "app.bsky.actor.profile"
LABEL = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "!no-unauthenticated"}]}

Json = dict[str, Any]


class Pen:
    """Writes events, the first one `ago_s` before now."""

    def __init__(self, ago_s: float = 1_000.0, step_s: float = 1.0) -> None:
        self._times = count(int((time.time() - ago_s) * 1e6), int(step_s * 1e6))
        self._revs = count(1)

    def post(self, who: str, rkey: str, text: str, operation: str = "create", **more: Any) -> Json:
        record = {"$type": POST, "text": text, "createdAt": "2026-11-01T08:00:00Z", "langs": ["ja"], **more}
        return self.commit(who, POST, rkey, record, operation)

    def reply(self, who: str, rkey: str, text: str, to: str) -> Json:
        parent = {"uri": to, "cid": "c"}
        return self.post(who, rkey, text, reply={"parent": parent, "root": parent})

    def quote(self, who: str, rkey: str, text: str, of: str) -> Json:
        return self.post(who, rkey, text, embed={"$type": "app.bsky.embed.record", "record": {"uri": of, "cid": "c"}})

    def repost(self, who: str, rkey: str, of: str) -> Json:
        return self._towards(who, REPOST, rkey, of)

    def like(self, who: str, rkey: str, of: str) -> Json:
        return self._towards(who, LIKE, rkey, of)

    def delete(self, who: str, rkey: str, collection: str = POST) -> Json:
        return self.commit(who, collection, rkey, None, "delete")

    def profile(self, who: str, *, hidden: bool) -> Json:
        return self.commit(who, PROFILE, "self", {"$type": PROFILE} | ({"labels": LABEL} if hidden else {}), "update")

    def account(self, who: str, status: str | None) -> Json:
        told = {"active": status is None, "did": did(who), "seq": next(self._revs), "time": "2026-11-01T08:00:00Z"}
        return self._event(who, "account", told | ({"status": status} if status else {}))

    def identity(self, who: str) -> Json:
        return self._event(who, "identity", {"did": did(who), "handle": f"h-{who}.test", "seq": next(self._revs)})

    def sync(self, who: str) -> Json:
        return self._event(
            who, "sync", {"did": did(who), "seq": next(self._revs), "rev": "r", "blocks": {"$bytes": ""}}
        )

    def commit(self, who: str, collection: str, rkey: str, record: Json | None, operation: str = "create") -> Json:
        told = {"rev": f"3m{next(self._revs):011d}", "operation": operation, "collection": collection, "rkey": rkey}
        return self._event(who, "commit", told | ({} if record is None else {"record": record, "cid": "c"}))

    def _towards(self, who: str, collection: str, rkey: str, of: str) -> Json:
        record = {"$type": collection, "createdAt": "2026-11-01T08:00:00Z", "subject": {"uri": of, "cid": "c"}}
        return self.commit(who, collection, rkey, record)

    def _event(self, who: str, kind: str, told: Json) -> Json:
        return {"did": did(who), "time_us": next(self._times), "kind": kind, kind: told}


def did(who: str) -> str:
    return f"did:plc:{who}"


def uri(who: str, rkey: str, collection: str = POST) -> str:
    return f"at://{did(who)}/{collection}/{rkey}"
