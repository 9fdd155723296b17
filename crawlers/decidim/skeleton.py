"""What holds the proposals and comments in an answer of a Decidim's GraphQL API: lists, pages, errors."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from crawlers.decidim.answer import Number
from crawlers.payloads import Payload

Node = Mapping[str, Any]  # read by `answer`, one by one


class _Part(Payload):
    model_config = ConfigDict(alias_generator=to_camel)


class Component(_Part):
    id: Number
    typename: str = Field(alias="__typename")


class Space(_Part):
    """A participatory process."""

    slug: str
    components: tuple[Component | None, ...] | None = None

    @property
    def of_proposals(self) -> list[str]:
        return [one.id for one in self.components or () if one and one.typename == "Proposals"]


class Spaces(_Part):
    every: tuple[Space | None, ...]


class PageInfo(_Part):
    has_next_page: bool = False
    end_cursor: str | None = None


class Edge(_Part):
    node: dict[str, Any] | None = None


class Listing(_Part):
    """A page of proposals."""

    page_info: PageInfo | None = None
    edges: tuple[Edge | None, ...] | None = None

    @property
    def following(self) -> str | None:
        """Where the next page begins; None after the last."""
        return self.page_info.end_cursor if self.page_info and self.page_info.has_next_page else None


class Asked(_Part):
    """A comment that was asked for by its number, for what answers it."""

    id: Number
    comments: tuple[dict[str, Any], ...] | None = None


class Thread(_Part):
    every: tuple[Asked | None, ...]


class Error(_Part):
    message: str = ""
    path: tuple[str | int, ...] | None = None
    extensions: dict[str, Any] | None = None


class Errors(_Part):
    every: tuple[Error, ...]
