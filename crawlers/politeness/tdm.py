"""Reservations of text and data mining: what a rightsholder keeps for himself by machine-readable means is not used.

Read: the TDM Reservation Protocol (TDMRep, final report of the W3C community group, May 2024), in its three places: the
file of the host, the response's header, the page's meta; what comes later supersedes. And `noai` of X-Robots-Tag and of
<meta name="robots">: article 4(3) of directive 2019/790 asks for an express reservation by machine-readable means and
names no protocol, and being read by a model is what `noai` means to keep away. `noimageai` is about pictures, `noindex`
about search engines (most feeds of blogs have it): neither says anything of what we do.

Stricter than the protocol in one place: what the file reserves is not asked for, so a header could not free it.
"""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from protego import Protego
from scrapy.http import HtmlResponse, Request, Response

from crawlers.politeness.refusals import refuse
from crawlers.politeness.robots import TOKEN
from crawlers.politeness.wellknown import UNCHECKED, Shelf, WellKnown

ROBOTS_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
# XPath 1.0 knows no lower-case(), and names of metas are compared without case.
_LOWER = "translate(@name, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')"


@dataclass(frozen=True)
class Declared:
    """The rules of a host's tdmrep.json, in their order."""

    rules: tuple[tuple[Protego, bool | None], ...] = ()

    def reserves(self, url: str) -> bool:
        """The first rule whose location matches counts; none, or one that is not readable, reserves nothing."""
        for location, reserved in self.rules:
            if not location.can_fetch(url, TOKEN):
                return reserved is True
        return False


class Tdm(WellKnown[Declared]):
    """Raises SourceError for what is reserved."""

    path = "/.well-known/tdmrep.json"
    shelf: ClassVar[Shelf[Declared]] = Shelf()

    def heed(self, request: Request, said: Declared) -> None:
        if said.reserves(request.url):
            self._refuse(request)

    def read(self, status: int, body: bytes) -> Declared:
        return read(status, body)

    def process_response(self, request: Request, response: Response) -> Response:
        # An error holds no content; that something is gone must still be learnt.
        content = 200 <= response.status < 300 or response.status == 304
        if content and not request.meta.get(UNCHECKED) and (reserved_by(response) or no_ai(response)):
            self._refuse(request)
        return response

    def _refuse(self, request: Request) -> None:
        host = self.called(request)
        refuse(
            self.crawler,
            "reserved (TDM)",
            f"{host} reserves text and data mining; nothing is used: take the source out, or ask the publisher",
        )


def read(status: int, body: bytes) -> Declared:
    """The rules of a tdmrep.json; none when the host has no such file, or one that is not what the protocol says."""
    if not 200 <= status < 300:
        return Declared()
    try:
        found = json.loads(body)
    except ValueError:
        return Declared()
    rules = found if isinstance(found, list) else []
    return Declared(tuple(rule for one in rules if (rule := _rule(one)) is not None))


def reserved_by(response: Response) -> bool:
    """Whether the header or the page reserves it; the page is nearer to the content, so it has the last word."""
    said = _value((response.headers.get("tdm-reservation") or b"").decode("latin-1"))
    for word in _metas(response, "tdm-reservation"):
        said = said if _value(word) is None else _value(word)
    return said is True


def no_ai(response: Response) -> bool:
    """Whether X-Robots-Tag or the page's robots meta says `noai`, to everybody or to us."""
    lines = [line.decode("latin-1").lower() for line in response.headers.getlist("X-Robots-Tag")]
    directives = [word for line in lines for word in _for_us(line).split(",")]
    directives += [word for meta in _metas(response, "robots") for word in meta.lower().split(",")]
    return any(word.strip() == "noai" for word in directives)


def _for_us(line: str) -> str:
    """A line of X-Robots-Tag without the name of the robot that it is for; empty when it is for another one."""
    head, colon, rest = line.partition(":")
    if not colon or "," in head or head.strip() in ROBOTS_VALUED:
        return line
    return rest if head.strip() == TOKEN.lower() else ""


def _metas(response: Response, name: str) -> list[str]:
    if not isinstance(response, HtmlResponse):
        return []
    found: list[str] = response.xpath(f"//meta[{_LOWER} = '{name}']/@content").getall()
    return found


def _rule(one: Any) -> tuple[Protego, bool | None] | None:
    # The protocol takes its patterns from robots.txt, so they are matched by what matches those.
    location = one.get("location") if isinstance(one, dict) else None
    if not isinstance(location, str) or not location.startswith(("/", "*")) or not location.isprintable():
        return None
    pattern = location.replace("#", "%23")
    return Protego.parse(f"User-agent: *\nDisallow: {pattern}"), _value(one.get("tdm-reservation"))


def _value(word: Any) -> bool | None:
    """True: reserved; False: not; None: not said. Anything but 0 and 1 is a protocol error, which says nothing."""
    return {"1": True, "0": False}.get(str(word).strip())
