"""What the GraphQL API of a Decidim answers, as the payloads that its open data gives: proposals and their comments."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

from crawlers.decidim.payload import Comment, Proposal, aligned, is_gone, number, preferred, titled, worded
from crawlers.moments import instant
from crawlers.payloads import Payload
from polyphonie.errors import PayloadError

Number = Annotated[str, BeforeValidator(lambda found: str(found) if isinstance(found, int) else found)]


class _Node(Payload):
    model_config = ConfigDict(alias_generator=to_camel)


class _Text(_Node):
    locale: str = ""
    text: str | None = None


class _Translated(_Node):
    translations: tuple[_Text, ...] = ()


class _Named(_Node):
    name: _Translated | None = None


class _Author(_Node):
    id: Number | None = None
    name: str | None = None
    nickname: str | None = None


class _Proposal(_Node):
    id: Number
    title: _Translated | str | None = None
    body: _Translated | str | None = None
    published_at: str | None = None
    created_at: str | None = None
    state: str | None = None
    withdrawn: bool | None = None
    url: str | None = None
    category: _Named | None = None
    scope: _Named | None = None
    authors: tuple[_Author | None, ...] = ()


class _Comment(_Node):
    id: Number
    body: str | None = None
    created_at: str | None = None
    alignment: int | None = None
    author: _Author | None = None


@dataclass(frozen=True)
class Place:
    """Where something stands on its platform: what finds it again there, and names nobody."""

    component: str
    proposal: str
    comment: str = ""

    @property
    def ref(self) -> str:
        of_comment = f"/comment:{self.comment}" if self.comment else ""
        return f"component:{self.component}/proposal:{self.proposal}{of_comment}"

    @staticmethod
    def is_ref(ref: str) -> bool:
        return ref.startswith("component:")

    @classmethod
    def of(cls, ref: str) -> Self:
        return cls(*(part.partition(":")[2] for part in ref.split("/")))


@dataclass(frozen=True)
class Found:
    """A proposal or a comment, or why it cannot be read. `deeper`: it has answers that this answer does not hold."""

    place: Place
    payload: Proposal | Comment | None = field(default=None, repr=False)
    refused: str = ""
    site: str = ""
    depth: int = 0
    deeper: bool = False


def proposals(node: Mapping[str, Any], component: str, site: str) -> Iterator[Found]:
    """A proposal, then its comments. `site`: the host of the platform, where the proposal has no address."""
    place = Place(component, str(node.get("id", "")))
    try:
        payload = _proposed(_Proposal.read(node), site)
    except PayloadError as error:
        yield Found(place, refused=str(error))
    else:
        site = payload.site
        yield Found(place, payload)
    yield from comments(node.get("comments"), place, site)


def comments(nodes: Any, under: Place, site: str, depth: int = 0) -> Iterator[Found]:
    """Comments on a proposal, or on the comment that `under` names, each before its answers."""
    if not isinstance(nodes, list | tuple | None):
        yield Found(under, refused="comments: list type")
        return
    for node in nodes or ():
        if not isinstance(node, Mapping):
            yield Found(under, refused="comments: mapping type")
            continue
        place = Place(under.component, under.proposal, str(node.get("id", "")))
        answers = node.get("comments")
        payload, refused = None, ""
        try:
            payload = _commented(_Comment.read(node), under, site, depth)
        except PayloadError as error:
            refused = str(error)
        deeper = answers is None and node.get("hasComments") is True
        yield Found(place, payload, refused, site, depth, deeper)
        # What answers a comment that cannot be read is still there.
        yield from comments(answers, place, site, depth + 1)


def _proposed(read: _Proposal, site: str) -> Proposal:
    gone = is_gone(read.state or "", withdrawn=bool(read.withdrawn))
    sections = (_written(under.name) for under in (read.category, read.scope) if under)
    authors = [author for author in read.authors if author]
    return Proposal(
        id=number(read.id, "id"),
        site=urlsplit(read.url or "").hostname or site,
        author=next((_signature(author) for author in authors), None),
        names=_names(authors),
        title=titled(_written(read.title), gone=gone),
        body=_written(read.body),
        section=next(filter(None, sections), ""),
        created_at=instant(read.published_at or read.created_at or ""),
        gone=gone,
    )


def _commented(read: _Comment, under: Place, site: str, depth: int) -> Comment:
    return Comment(
        id=number(read.id, "id"),
        site=site,
        author=_signature(read.author) if read.author else None,
        names=_names([read.author] if read.author else []),
        body=worded((read.body or "").strip()),
        created_at=instant(read.created_at or ""),
        alignment=aligned(read.alignment),
        depth=depth,
        proposal=under.proposal,
        parent=under.comment or None,
        gone=False,
    )


def _written(text: _Translated | str | None) -> str:
    if isinstance(text, _Translated):
        return preferred({one.locale: one.text or "" for one in text.translations}).strip()
    return (text or "").strip()


def _signature(author: _Author) -> str | None:
    return author.id or author.nickname


def _names(authors: Sequence[_Author]) -> tuple[str, ...]:
    plain = ((one.name or "").strip() for one in authors)
    nicknames = ((one.nickname or "").strip().lstrip("@") for one in authors)
    return tuple(dict.fromkeys(filter(None, (*plain, *nicknames))))
