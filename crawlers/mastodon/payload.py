"""A status as Mastodon's API gives it (and servers that speak like it), reduced to what is needed."""

from typing import Any, Literal

from pydantic import AwareDatetime, Field, field_validator

from crawlers.payloads import Payload


class Account(Payload):
    id: str
    acct: str  # `name` on its own server, `name@server` elsewhere
    url: str
    uri: str = ""  # since 4.2
    bot: bool = False
    indexable: bool | None = None  # since 4.2; false means "do not put me in a search engine"
    noindex: bool | None = None
    note: str = ""


class Mention(Payload):
    username: str = ""
    acct: str = ""


class Tag(Payload):
    name: str


class Card(Payload):
    url: str = ""


class Quoted(Payload):
    uri: str


class Quote(Payload):
    """Since 4.4; the quoted status is there only when it may be shown."""

    state: str = ""
    quoted_status: Quoted | None = None


class Status(Payload):
    id: str
    uri: str  # the same on every server
    url: str | None = None
    created_at: AwareDatetime
    visibility: Literal["public", "unlisted", "private", "direct"]
    content: str
    spoiler_text: str = ""
    in_reply_to_id: str | None = None  # numbered by the server that was asked
    in_reply_to_account_id: str | None = None
    account: Account
    reblog: "Status | None" = None
    quote: Quote | None = None
    card: Card | None = None
    mentions: tuple[Mention, ...] = ()
    tags: tuple[Tag, ...] = ()
    replies_count: int = Field(0, ge=0)
    reblogs_count: int = Field(0, ge=0)
    favourites_count: int = Field(0, ge=0)

    @field_validator("quote", mode="before")
    @classmethod
    def _only_documented(cls, quote: Any) -> Any:
        # Forks (Glitch, Fedibird) had a `quote` before Mastodon: the status itself.
        return {"quoted_status": quote} if isinstance(quote, dict) and "uri" in quote else quote
