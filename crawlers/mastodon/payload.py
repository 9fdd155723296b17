"""A status as Mastodon's API gives it (and servers that speak like it), and what a server says of itself."""

import re
from typing import Any, Literal

from pydantic import AwareDatetime, Field, field_validator

from crawlers.payloads import Payload

# Every field of a status that Mastodon documents or sends (recorded from 4.6), read or not: another one is news.
KNOWN_FIELDS = frozenset(
    "account application bookmarked card content created_at edited_at emojis favourited favourites_count filtered id "
    "in_reply_to_account_id in_reply_to_id language media_attachments mentions muted pinned poll quote quote_approval "
    "quotes_count reblog reblogged reblogs_count replies_count sensitive spoiler_text tagged_collections tags text uri "
    "url visibility".split()
)


class Account(Payload):
    id: str
    acct: str  # `name` on its own server, `name@server` elsewhere
    url: str
    uri: str = ""  # since 4.2
    display_name: str = ""
    bot: bool = False
    indexable: bool | None = None  # since 4.2; false means "do not put me in a search engine"
    noindex: bool | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """What names the account for ever, on every server."""
        return self.uri or self.url


class Mention(Payload):
    username: str = ""
    acct: str = ""


class Tag(Payload):
    name: str


class Card(Payload):
    url: str = ""


class Quoted(Payload):
    uri: str
    account: Account | None = None


class Quote(Payload):
    """Since 4.4; the quoted status is there only when it may be shown."""

    state: str = ""
    quoted_status: Quoted | None = None


class Status(Payload):
    id: str
    uri: str  # the same on every server
    url: str | None = None
    created_at: AwareDatetime
    edited_at: AwareDatetime | None = None  # since 3.5
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


class Feeds(Payload):
    """To whom timelines are shown: `public`, `authenticated` or `disabled`."""

    local: str = "public"
    remote: str = "public"


class TimelinesAccess(Payload):
    live_feeds: Feeds = Feeds()
    hashtag_feeds: Feeds = Feeds()


class Configuration(Payload):
    timelines_access: TimelinesAccess = TimelinesAccess()  # since 4.5; an older server answers 401 where it is closed


class Instance(Payload):
    """`/api/v2/instance`, since 4.0."""

    version: str
    domain: str = ""  # what its handles end with, which may not be the host that answers
    configuration: Configuration = Configuration()

    def speaks(self, major: int, minor: int) -> bool:
        """Whether it is of this version or a later one; so is a version that cannot be read, as later ones ask more."""
        found = re.match(r"(\d+)\.(\d+)", self.version)
        return found is None or (int(found[1]), int(found[2])) >= (major, minor)
