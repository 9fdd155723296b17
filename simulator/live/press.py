"""The invented papers that people of the world link to: an RSS feed each, with the articles published so far."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

from aiohttp import web

from simulator.live.site import site, unless_known
from simulator.live.stage import Stage
from simulator.world import Emission

SHOWN = 20  # articles in a feed
BEFORE_LINKED = timedelta(hours=1)
NAME = "press"


@dataclass(frozen=True)
class Article:
    link: str
    title: str
    at: datetime

    @property
    def paper(self) -> str:
        return (urlsplit(self.link).hostname or "").removeprefix("www.").removesuffix(".example")


class Press:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.articles = sorted(_published(stage), key=lambda article: (article.at, article.link))

    @property
    def papers(self) -> list[str]:
        return sorted({article.paper for article in self.articles})

    def application(self) -> web.Application:
        return site([web.get("/{paper}/rss.xml", self.feed)])

    async def feed(self, request: web.Request) -> web.Response:
        paper, now = request.match_info["paper"], self.stage.now
        own = [article for article in self.articles if article.paper == paper]
        if not own:
            return web.Response(status=404)
        body = _rss(paper, [article for article in own if article.at <= now][-SHOWN:])
        self.stage.told(NAME, paper)
        return unless_known(request, body, "application/rss+xml")


def _published(stage: Stage) -> list[Article]:
    """Each article that is linked to, from an hour before the first time."""
    titles = {proposal.id: proposal.title for proposal in stage.world.proposals}
    found: dict[str, Article] = {}
    emissions = sorted((*stage.emissions["mastodon"], *stage.emissions["bluesky"]), key=lambda one: one.at)
    for emission in emissions:
        address, said = _linked(emission)
        link = address.partition("?")[0]
        proposal = link.rpartition("/")[2].rpartition("-")[0]
        if proposal in titles and link not in found:
            found[link] = Article(link, f"{titles[proposal]} : {said.lower()}", emission.at - BEFORE_LINKED)
    return list(found.values())


def _linked(emission: Emission) -> tuple[str, str]:
    payload: dict[str, Any] = emission.payload
    if emission.source == "mastodon":
        card = payload.get("card") or {}
        return card.get("url", ""), card.get("title", "")
    embed = payload.get("commit", {}).get("record", {}).get("embed", {}).get("external", {})
    return embed.get("uri", ""), embed.get("title", "")


def _rss(paper: str, articles: list[Article]) -> bytes:
    root = ElementTree.Element("rss", version="2.0")
    channel = ElementTree.SubElement(root, "channel")
    for name, text in (("title", paper.replace("-", " ").capitalize()), ("link", f"https://www.{paper}.example/")):
        ElementTree.SubElement(channel, name).text = text
    ElementTree.SubElement(channel, "language").text = "fr"
    for article in reversed(articles):
        item = ElementTree.SubElement(channel, "item")
        ElementTree.SubElement(item, "title").text = article.title
        ElementTree.SubElement(item, "link").text = article.link
        ElementTree.SubElement(item, "guid", isPermaLink="true").text = article.link
        ElementTree.SubElement(item, "pubDate").text = format_datetime(article.at)
    body: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return body
