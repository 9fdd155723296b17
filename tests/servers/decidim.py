"""A Decidim on a socket: its GraphQL types, limits and words of refusal, its open-data zip, over one small world."""

import asyncio
import base64
import csv
import io
import logging
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import strawberry
from aiohttp import web
from graphql import FieldNode, GraphQLError, GraphQLField, GraphQLString, ValidationRule
from strawberry.extensions import AddValidationRules

MOST_COMPLEX = 25  # proposals of one question that a server accepts
MOST_GIVEN = 6  # proposals of one answer, whatever was asked
NESTED = 2  # `comments` within `comments`
START = datetime(2026, 3, 1, 10, tzinfo=UTC)
COORDINATES = "48.85661"


@dataclass
class Person:
    id: str
    name: str
    nickname: str


@dataclass
class Said:
    """A proposal or a comment."""

    id: int
    text: str
    author: Person
    at: datetime
    title: str = ""
    component: int = 0
    root: int = 0
    parent: int | None = None
    alignment: int = 0
    depth: int = 0
    withdrawn: bool = False
    hidden: bool = False


@dataclass
class World:
    """What the server holds; a test changes it between two rounds."""

    processes: dict[str, list[int]] = field(default_factory=dict)
    proposals: dict[int, Said] = field(default_factory=dict)
    comments: dict[int, Said] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    refuses: tuple[int, str, str] | None = None  # status, type and text of every answer of the API
    broken: int = 0  # a proposal whose comments fail
    slow_s: float = 0.0
    lacks: frozenset[str] = frozenset()  # Type.field
    address: str = ""
    tag: str = "1"

    def listed(self, component: int) -> list[Said]:
        shown = (one for one in self.proposals.values() if one.component == component and not one.hidden)
        return sorted(shown, key=lambda one: one.id)

    def answers(self, root: int, parent: int | None) -> list[Said]:
        shown = self.comments.values()
        return [one for one in shown if (one.root, one.parent) == (root, parent) and not one.hidden]


def populated(proposals: int = 20) -> World:
    """Two processes, three components, threads four deep; everybody signs what they write."""
    people = [Person(str(n), f"Zoé Ixtlan{n}", f"zoe_ixtlan{n}") for n in range(1, 9)]
    world = World({"bus": [3, 4], "parcs": [11]})
    number = 100
    for n in range(1, proposals + 1):
        author = people[n % 8]
        at = START + timedelta(hours=n)
        text = f"<p>Je propose le point {n}. Signé {author.name}.</p>"
        world.proposals[n] = Said(n, text, author, at, f"Proposition {n}", (3, 4, 11)[n % 3])
        parent, depth = None, 0
        for k in range(n % 6):
            number += 1
            who = people[(n + k) % 8]
            body = f"Avis {number} sur le point {n}, {who.name} (@{who.nickname})."
            world.comments[number] = Said(
                number, body, who, at + timedelta(minutes=k), root=n, parent=parent, depth=depth,
                alignment=(1, -1, 0)[number % 3] if depth == 0 else 0,
            )  # fmt: skip
            parent, depth = (number, depth + 1) if k % 5 < 3 else (None, 0)
    return world


logging.getLogger("strawberry.execution").disabled = True  # what it refuses is looked at in its answers

_WORLD: ContextVar[World] = ContextVar("world")  # of the request that is answered


HELD = web.AppKey("world", World)


@strawberry.type
class LocalizedString:
    locale: str
    text: str


@strawberry.type
class TranslatedField:
    translations: list[LocalizedString]


def french(text: str) -> TranslatedField:
    return TranslatedField(
        translations=[LocalizedString(locale="en", text=""), LocalizedString(locale="fr", text=text)]
    )


@strawberry.interface(name="AuthorInterface")
class Author:
    id: strawberry.ID
    name: str
    nickname: str


@strawberry.type
class User(Author):
    pass


@strawberry.type
class Coordinates:
    latitude: float
    longitude: float


@strawberry.type
class Category:
    name: TranslatedField


@strawberry.type
class Scope:
    name: TranslatedField


def user(person: Person) -> User:
    return User(id=strawberry.ID(person.id), name=person.name, nickname=f"@{person.nickname}")


@strawberry.type
class Comment:
    said: strawberry.Private[Said]

    @strawberry.field
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.said.id))

    @strawberry.field
    def body(self) -> str:
        return self.said.text

    @strawberry.field
    def created_at(self) -> str:
        return self.said.at.isoformat()

    @strawberry.field
    def alignment(self) -> int | None:
        return self.said.alignment

    @strawberry.field
    def author(self) -> Author:
        return user(self.said.author)

    @strawberry.field
    def has_comments(self) -> bool:
        return bool(_WORLD.get().answers(self.said.root, self.said.id))

    @strawberry.field
    def comments(self) -> list["Comment"]:
        return [Comment(said=one) for one in _WORLD.get().answers(self.said.root, self.said.id)]


@strawberry.type
class Proposal:
    said: strawberry.Private[Said]

    @strawberry.field
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.said.id))

    @strawberry.field
    def title(self) -> TranslatedField | None:
        return french(self.said.title)

    @strawberry.field
    def body(self) -> TranslatedField | None:
        return french(self.said.text)

    @strawberry.field
    def published_at(self) -> str | None:
        return self.said.at.isoformat()

    @strawberry.field
    def created_at(self) -> str | None:
        return self.said.at.isoformat()

    @strawberry.field
    def state(self) -> str | None:
        return "accepted"

    @strawberry.field
    def withdrawn(self) -> bool | None:
        return self.said.withdrawn

    @strawberry.field
    def url(self) -> str:
        return page_of(self.said)

    @strawberry.field
    def category(self) -> Category | None:
        return Category(name=french("Mobilité"))

    @strawberry.field
    def scope(self) -> Scope | None:
        return None

    @strawberry.field
    def coordinates(self) -> Coordinates | None:
        return Coordinates(latitude=float(COORDINATES), longitude=2.35222)

    @strawberry.field
    def address(self) -> str | None:
        return "12 rue des Ixtlan"

    @strawberry.field
    def authors(self) -> list[Author | None]:
        return [user(self.said.author)]

    @strawberry.field
    def comments(self, order_by: str | None = None, single_comment_id: str | None = None) -> list[Comment]:
        if single_comment_id:
            one = _WORLD.get().comments.get(int(single_comment_id))
            return [Comment(said=one)] if one and one.root == self.said.id and not one.hidden else []
        if self.said.id == _WORLD.get().broken:
            raise ValueError("Internal error about Zoé Ixtlan")
        return [Comment(said=one) for one in _WORLD.get().answers(self.said.id, None)]


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class ProposalEdge:
    node: Proposal | None


@strawberry.type
class ProposalConnection:
    page_info: PageInfo
    edges: list[ProposalEdge | None] | None


@strawberry.interface
class ComponentInterface:
    id: strawberry.ID


@strawberry.type
class Meetings(ComponentInterface):
    pass


@strawberry.type
class Proposals(ComponentInterface):
    @strawberry.field
    def proposals(self, first: int | None = None, after: str | None = None) -> ProposalConnection | None:
        every = _WORLD.get().listed(int(self.id))
        start = int(base64.b64decode(after)) if after else 0
        end = start + min(first or MOST_GIVEN, MOST_GIVEN)
        edges = [ProposalEdge(node=Proposal(said=one)) for one in every[start:end]]
        cursor = base64.b64encode(str(end).encode()).decode()
        return ProposalConnection(page_info=PageInfo(has_next_page=end < len(every), end_cursor=cursor), edges=edges)

    @strawberry.field
    def proposal(self, id: strawberry.ID) -> Proposal | None:
        one = _WORLD.get().proposals.get(int(id))
        if one is None or one.component != int(self.id):
            return None
        if one.hidden:  # newer versions say it so
            raise GraphQLError(
                "You are not allowed to view this Proposal", extensions={"code": "UNAUTHORIZED_OBJECT_ERROR"}
            )
        return Proposal(said=one)


@strawberry.type
class ParticipatoryProcess:
    slug: str
    components: list[ComponentInterface | None] | None


@strawberry.type
class Query:
    @strawberry.field
    def participatory_processes(self) -> list[ParticipatoryProcess | None] | None:
        return [
            ParticipatoryProcess(
                slug=slug,
                components=[
                    Meetings(id=strawberry.ID("2")), *(Proposals(id=strawberry.ID(str(one))) for one in components)
                ],
            )
            for slug, components in _WORLD.get().processes.items()
        ]  # fmt: skip

    @strawberry.field
    def component(self, id: strawberry.ID) -> ComponentInterface | None:
        known = any(int(id) in components for components in _WORLD.get().processes.values())
        return Proposals(id=id) if known else None


class Limits(ValidationRule):
    """What a Decidim refuses, in its words."""

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.nested = 0

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        if node.name.value == "comments":
            self.nested += 1
            if self.nested > NESTED:
                self.report_error(GraphQLError("Trop de récursions"))
        for argument in node.arguments or ():
            if argument.name.value == "first" and int(argument.value.value) > MOST_COMPLEX:
                self.report_error(GraphQLError("Query has complexity of 5310, which exceeds max complexity of 5000"))

    def leave_field(self, node: FieldNode, *_: Any) -> None:
        self.nested -= node.name.value == "comments"


def schema(lacks: frozenset[str]) -> strawberry.Schema:
    """The schema of a version that lacks some fields; "Proposal.translations": its titles are plain text."""
    made = strawberry.Schema(
        Query, types=[Proposals, Meetings, User], extensions=[lambda: AddValidationRules([Limits])]
    )
    types = made._schema.type_map
    for kind, name in (one.split(".") for one in lacks):
        if name == "translations":
            types[kind].fields["title"] = GraphQLField(GraphQLString, resolve=lambda one, _: one.said.title)
            types[kind].fields["body"] = GraphQLField(GraphQLString, resolve=lambda one, _: one.said.text)
        elif name == "singleCommentId":
            del types[kind].fields["comments"].args[name]
        else:
            del types[kind].fields[name]
    return made


async def ask(request: web.Request) -> web.Response:
    world = request.app[HELD]
    _WORLD.set(world)
    question = await request.json()
    world.asked.append(question)
    if world.refuses:
        status, kind, body = world.refuses
        return web.Response(status=status, content_type=kind, text=body)
    await asyncio.sleep(world.slow_s)
    result = await schema(world.lacks).execute(question["query"], variable_values=question["variables"])
    answer: dict[str, Any] = {"data": result.data} if result.data is not None else {}
    if result.errors:
        answer["errors"] = [error.formatted for error in result.errors]
    return web.json_response(answer)


def page_of(proposal: Said) -> str:
    return f"{_WORLD.get().address}/processes/x/f/{proposal.component}/proposals/{proposal.id}"


async def download(request: web.Request) -> web.Response:
    """The zip, which lies elsewhere, as in a store of files."""
    _WORLD.set(request.app[HELD])
    if _WORLD.get().refuses:
        return web.Response(content_type="text/html", text="<html>Ixtlan</html>")
    if request.path == "/open-data/download":
        raise web.HTTPFound("/store/open-data.zip")
    if request.headers.get("If-None-Match") == f'"{_WORLD.get().tag}"':
        return web.Response(status=304)
    return web.Response(body=zipped(), content_type="application/zip", headers={"ETag": f'"{_WORLD.get().tag}"'})


def zipped() -> bytes:
    """The open data of the world, as Decidim exports it."""
    proposals = [
        {
            "id": one.id, "category/name/fr": "Mobilité", "title/en": "", "title/fr": one.title, "body/fr": one.text,
            "author/id": one.author.id, "author/name": one.author.name, "author/nickname": one.author.nickname,
            "state": "accepted", "withdrawn": str(one.withdrawn).lower(), "latitude": COORDINATES,
            "published_at": one.at.strftime("%Y-%m-%d %H:%M:%S UTC"), "url": page_of(one),
        }
        for one in _WORLD.get().proposals.values() if not one.hidden
    ]  # fmt: skip
    comments = [
        {
            "id": one.id, "created_at": one.at.strftime("%Y-%m-%d %H:%M:%S UTC"), "body": one.text, "locale": "fr",
            "author/id": one.author.id, "author/name": one.author.name, "author/nickname": one.author.nickname,
            "alignment": one.alignment, "depth": one.depth, "commentable_id": one.parent or one.root,
            "commentable_type": "Decidim::Comments::Comment" if one.parent else "Decidim::Proposals::Proposal",
            "root_commentable_url": page_of(_WORLD.get().proposals[one.root]),
        }
        for one in _WORLD.get().comments.values() if not one.hidden
    ]  # fmt: skip
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in (("proposals", proposals), ("proposal_comments", comments)):
            table = io.StringIO()
            writer = csv.DictWriter(table, list(rows[0]), delimiter=";")
            writer.writeheader()
            writer.writerows(rows)
            archive.writestr(f"open-data-{name}.csv", table.getvalue())
    return content.getvalue()


@contextmanager
def served(*worlds: World) -> Iterator[None]:
    """The worlds, each behind its address, on free ports of this machine."""
    loop, ready = asyncio.new_event_loop(), threading.Event()

    def run() -> None:
        runners = [loop.run_until_complete(_start(world)) for world in worlds]
        ready.set()
        loop.run_forever()
        for runner in runners:
            loop.run_until_complete(runner.cleanup())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _start(world: World) -> web.AppRunner:
    application = web.Application()
    application[HELD] = world
    application.add_routes([web.post("/api", ask), web.get("/open-data/download", download)])
    application.add_routes([web.get("/store/open-data.zip", download)])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    world.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return runner
