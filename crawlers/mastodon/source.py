"""What `sources.yaml` may say of a Mastodon server, and which of its timelines strangers may read."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote, urlsplit

from pydantic import Field, ValidationInfo, field_validator

from crawlers.mastodon.payload import Feeds, Instance
from crawlers.sources import Source

# 300 paged requests in 15 minutes from one address (Mastodon's throttle `throttle_unauthenticated_paging`).
PAGED_REQUESTS, PAGED_WINDOW_S = 300, 900
DELAY_S = PAGED_WINDOW_S / PAGED_REQUESTS
FORBIDDEN = ("mastodon.social",)  # its terms, seen November 2026, forbid scrapers
NUMBERS_A_SECOND = 1000 * 2**16  # a status's number is its milliseconds, then 16 bits


class MastodonSource(Source):
    needs_terms: ClassVar[bool] = True

    instance: str = Field(description="Address of the server: https://host.")
    public: bool = Field(
        False, validate_default=True, description="Also read the public timeline of the server's own accounts."
    )
    page_limit: int = Field(40, ge=1, le=40, description="Statuses asked for at once.")
    overlap_s: float = Field(
        120, ge=0, description="A round starts this long before where the last one ended: posts are delivered late."
    )
    recheck_hours: float = Field(
        24, gt=0, le=24, description="A kept post is asked for again after this long: deletions and edits."
    )
    recheck_requests: int = Field(100, ge=1, description="Requests of a round spent on asking again.")
    delay_s: float = Field(DELAY_S, ge=0, description="Seconds between two requests; less than 3 on loopback only.")

    @field_validator("instance")
    @classmethod
    def _server(cls, address: str) -> str:
        parts = urlsplit(address.rstrip("/"))
        host = (parts.hostname or "").rstrip(".")
        if not host or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("https:// and the name of a server are expected, nothing more")
        if any(host == forbidden or host.endswith(f".{forbidden}") for forbidden in FORBIDDEN):
            raise ValueError(f"{host} may not be crawled: its terms forbid scrapers")
        if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(host)):
            raise ValueError("https:// is expected")
        return f"{parts.scheme}://{parts.netloc.lower()}"

    @field_validator("public")
    @classmethod
    def _something(cls, public: bool, info: ValidationInfo) -> bool:
        if not public and not info.data.get("hashtags"):
            raise ValueError("nothing to read: name hashtags, or set public")
        return public

    @field_validator("delay_s")
    @classmethod
    def _polite(cls, delay_s: float, info: ValidationInfo) -> float:
        if delay_s < DELAY_S and not _loopback(urlsplit(info.data.get("instance", "")).hostname or ""):
            raise ValueError(f"{DELAY_S:g} seconds at least: a server allows 300 requests in 15 minutes")
        return delay_s

    @property
    def server(self) -> str:
        """Host of the server, which numbers what it shows."""
        return urlsplit(self.instance).hostname or ""


@dataclass(frozen=True)
class Timeline:
    """One timeline. `name` keeps its place in the cursor; `scope` is the part of it that strangers may read."""

    name: str
    path: str
    scope: dict[str, str]
    overlap: int  # in numbers of statuses, which are times


def open_timelines(source: MastodonSource, instance: Instance) -> Iterator[Timeline]:
    """Those of the timelines of a source that its server shows to strangers."""
    access = instance.configuration.timelines_access
    overlap = int(source.overlap_s * NUMBERS_A_SECOND)
    if source.public and access.live_feeds.local == "public":
        yield Timeline("public", "/api/v1/timelines/public", {"local": "true"}, 0)
    scope = _scope(access.hashtag_feeds)
    for tag in dict.fromkeys(source.hashtags):
        if scope is not None:
            yield Timeline(f"tag:{tag}", f"/api/v1/timelines/tag/{quote(tag, safe='')}", scope, overlap)


def asked_timelines(source: MastodonSource) -> int:
    """How many timelines a source names."""
    return int(source.public) + len(dict.fromkeys(source.hashtags))


def _scope(feeds: Feeds) -> dict[str, str] | None:
    # Where one half is closed, a server refuses (401) whoever asks for both.
    match feeds.local == "public", feeds.remote == "public":
        case True, True:
            return {}
        case True, False:
            return {"local": "true"}
        case False, True:
            return {"remote": "true"}
        case _:
            return None


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
