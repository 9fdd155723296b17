"""An event of Bluesky's Jetstream (v1 JSON), the records inside it that are needed, and a profile as the AppView shows
it."""

from typing import Any, Literal

from pydantic import Field, field_validator

from crawlers.payloads import Payload

POST = "app.bsky.feed.post"
REPOST = "app.bsky.feed.repost"
LIKE = "app.bsky.feed.like"
PROFILE = "app.bsky.actor.profile"
COLLECTIONS = (POST, REPOST, LIKE, PROFILE)

SIGNED_IN_ONLY = "!no-unauthenticated"  # the label with which an account asks not to be shown to logged-out visitors


class Commit(Payload):
    operation: Literal["create", "update", "delete"]
    collection: str
    rkey: str
    record: dict[str, Any] | None = None


class Identity(Payload):
    handle: str | None = None


class Account(Payload):
    active: bool
    status: str | None = None


class Event(Payload):
    """`time_us`: when the Jetstream saw it, microseconds since 1970."""

    # As atproto writes it: the AppView refuses a whole question for one author who is not written so.
    did: str = Field(pattern=r"^did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]$", max_length=2048)
    time_us: int = Field(gt=0, lt=10**17)
    kind: str  # commit, identity, account; others may come
    commit: Commit | None = None
    identity: Identity | None = None
    account: Account | None = None


class Reference(Payload):
    uri: str = Field(pattern=r"^at://")


class Reply(Payload):
    parent: Reference


class Feature(Payload):
    type: str = Field("", alias="$type")
    uri: str = ""
    tag: str = ""


class Facet(Payload):
    features: tuple[Feature, ...] = ()


class External(Payload):
    uri: str = ""


class Embed(Payload):
    """`record` is what is quoted; beside media, it lies one level deeper."""

    external: External | None = None
    record: Reference | None = None
    media: "Embed | None" = None

    @field_validator("record", mode="before")
    @classmethod
    def _one_level_deeper(cls, record: Any) -> Any:
        return record["record"] if isinstance(record, dict) and isinstance(record.get("record"), dict) else record


class Post(Payload):
    """`langs` is left out: what a client declares is often only its own language."""

    text: str
    created_at: str = Field("", alias="createdAt")
    reply: Reply | None = None
    embed: Embed | None = None
    facets: tuple[Facet, ...] = ()
    tags: tuple[str, ...] = ()

    @field_validator("facets", "tags", mode="before")
    @classmethod
    def _null_is_none(cls, value: Any) -> Any:
        return value or ()


class Repost(Payload):
    subject: Reference
    created_at: str = Field("", alias="createdAt")


class Like(Payload):
    subject: Reference
    created_at: str = Field("", alias="createdAt")


class Label(Payload):
    """`src`: who put it; absent in a record, whose labels are its author's own."""

    val: str
    src: str = ""
    neg: bool = False


class SelfLabels(Payload):
    values: tuple[Label, ...] = ()


class Profile(Payload):
    labels: SelfLabels | None = None


class ProfileView(Payload):
    """A profile in the answer of `app.bsky.actor.getProfiles`."""

    did: str
    handle: str = ""
    labels: tuple[Label, ...] = ()

    @property
    def signed_in_only(self) -> bool:
        return any(label.val == SIGNED_IN_ONLY and label.src == self.did and not label.neg for label in self.labels)
