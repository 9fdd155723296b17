"""The GraphQL API of one Decidim: asks in its dialect, and says in one line why it cannot be had."""

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from scrapy.http import Request, Response

from crawlers.decidim.answer import Place
from crawlers.decidim.question import Dialect, unknown_field
from crawlers.decidim.skeleton import Error, Errors, Listing, Node, Spaces, Thread
from crawlers.spider import SourceError
from polyphonie.errors import PayloadError

TRIES = 8  # at a question, each in a smaller dialect
# How a Decidim says that something is not, or no longer, for everybody to see.
NOT_PUBLIC = frozenset({"NOT_FOUND", "UNAUTHORIZED_OBJECT_ERROR"})
_CODE = re.compile(r"^[A-Za-z_]{1,40}$")
_WHY = {
    401: "it wants an account; ask its owners, or take its open data (`open_data: true`)",
    403: "it forbids us to ask; ask its owners",
    404: "it has no API there; check `site`",
}


@dataclass(frozen=True)
class Page:
    """Proposals of a component. `after`: where the next page begins, None after the last; `whole`: no error in it."""

    nodes: Sequence[Node | None] = field(repr=False)
    after: str | None
    whole: bool


@dataclass(frozen=True)
class Answer:
    data: Mapping[str, Any] | None = field(repr=False)
    errors: Sequence[Error] = field(repr=False)

    @property
    def codes(self) -> list[str]:
        """Codes of its errors; an empty one where an error has none."""
        found = [str((error.extensions or {}).get("code") or "") for error in self.errors]
        return [code if _CODE.match(code) else "" for code in found]

    @property
    def whole(self) -> bool:
        """Is nothing missing from it, but what is not public?"""
        return all(code in NOT_PUBLIC for code in self.codes)

    def at(self, *names: str) -> Any:
        """What is at this path, None where something before it is missing."""
        found: Any = self.data
        for name in names:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found


class Api:
    """`ask` sends a request through every politeness. Every method raises SourceError, which begins with `name`."""

    def __init__(
        self, name: str, site: str, page: int, delay_s: float, ask: Callable[[Request], Awaitable[Response]]
    ) -> None:
        self._name, self._address, self._delay_s, self._ask = name, f"{site}/api", delay_s, ask
        self._dialect = Dialect(page)

    async def spaces(self) -> dict[str, list[str]]:
        """Components of proposals of each public process, by its slug."""
        answer = await self._answer(Dialect.spaces)
        spaces = answer.at("participatoryProcesses")
        if not isinstance(spaces, list) or not answer.whole:
            raise self._failed("it lists no processes", answer)
        with self._format("processes"):
            return {space.slug: space.of_proposals for space in Spaces.read({"every": spaces}).every if space}

    async def page(self, component: str, after: str | None) -> Page:
        """A page of the proposals of a component; empty where it is no longer public."""
        answer = await self._answer(Dialect.listing, component=component, after=after)
        listed = answer.at("component", "proposals")
        if not isinstance(listed, Mapping):
            if answer.whole and answer.at("component") is None:
                return Page((), None, whole=True)
            raise self._failed("a page of proposals cannot be had", answer)
        with self._format("proposals"):
            found = Listing.read(listed)
            return Page([edge.node if edge else None for edge in found.edges or ()], found.following, answer.whole)

    async def proposal(self, place: Place) -> Node | Literal["gone", "unclear"]:
        """A proposal asked for by its number, with its comments; `gone`: it is not public any more."""
        answer = await self._answer(Dialect.one, component=place.component, proposal=place.proposal)
        node = answer.at("component", "proposal")
        if isinstance(node, Mapping):
            return node if answer.whole else "unclear"
        # An error within it (a comment that is not public) may take the whole proposal out of the answer.
        about_it = all(len(error.path or ()) in (1, 2) for error in answer.errors)
        return "gone" if answer.data is not None and answer.whole and about_it else "unclear"

    async def answers(self, place: Place) -> Sequence[Node] | None:
        """What answers a comment; nothing where this version never tells it, None where it cannot be told now."""
        if not self._dialect.single:
            return ()
        answer = await self._answer(
            Dialect.answers, component=place.component, proposal=place.proposal, comment=place.comment
        )
        if not self._dialect.single:
            return ()
        with self._format("answers"):
            asked = Thread.read({"every": answer.at("component", "proposal", "comments") or ()}).every
        found = next((one for one in asked if one and one.id == place.comment), None)
        return found.comments if found and answer.whole else None

    async def _answer(self, compose: Callable[[Dialect], str], **variables: Any) -> Answer:
        for _ in range(TRIES):
            question = {"query": compose(self._dialect), "variables": variables}
            answer = self._read(await self._ask(self._request(question)))
            if answer.data is not None or not answer.errors:
                return answer
            complaints = [error.message for error in answer.errors]
            learnt = self._dialect.learnt(complaints)
            if learnt == self._dialect:
                missing = next(filter(None, map(unknown_field, complaints)), "")
                raise self._failed(f"its API has no {missing}" if missing else "it refuses our question", answer)
            self._dialect = learnt
            if compose is Dialect.answers and not learnt.single:
                return Answer({}, ())
        raise SourceError(f"{self._name}: it refuses our question in every form that we know")

    def _request(self, question: dict[str, Any]) -> Request:
        return Request(
            self._address,
            method="POST",
            body=json.dumps(question),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            # Followed, a question would become a visit without one.
            meta={"polite_delay_s": self._delay_s, "dont_redirect": True},
            dont_filter=True,
        )

    def _read(self, response: Response) -> Answer:
        if response.status != 200:
            raise SourceError(f"{self._name}: {refusal(response.status)}")
        try:
            content = json.loads(response.body)
        except ValueError:
            content = None
        if not isinstance(content, dict) or not {"data", "errors"} & content.keys():
            raise SourceError(f"{self._name}: what answers is no GraphQL API (a page, perhaps); check `site`")
        data = content.get("data")
        with self._format("errors"):
            errors = Errors.read({"every": content.get("errors") or ()}).every
        return Answer(data if isinstance(data, dict) else None, errors)

    @contextmanager
    def _format(self, what: str) -> Iterator[None]:
        try:
            yield
        except PayloadError as error:
            raise SourceError(f"{self._name}: another format than expected ({what}: {error})") from error

    def _failed(self, what: str, answer: Answer) -> SourceError:
        # Its message may quote what people wrote; its code is a word of the program.
        code = next(filter(None, answer.codes), "")
        return SourceError(f"{self._name}: {what}" + (f" ({code})" if code else ""))


def refusal(status: int) -> str:
    """What a status other than 200 means, in words."""
    if 300 <= status < 400:
        return f"it answers from another address (status {status}); write that one in `site`"
    return f"status {status}: {_WHY.get(status, 'it fails' if status >= 500 else 'it refuses')}"
