"""What we ask the GraphQL API of a Decidim, in the words that its version knows; coordinates are never asked for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

# What a server counts for a question is about fields x page, 5,000 at most by default: 48 fields for each proposal.
SMALLEST_PAGE = 5
# What a question may do without; the others, names to wipe among them, it may not.
OPTIONAL = frozenset(
    """Proposal.state Proposal.withdrawn Proposal.category Proposal.scope Proposal.url Proposal.createdAt
    Comment.alignment Author.id Author.nickname""".split()
)
TRANSLATED = frozenset({"Proposal.title", "Proposal.body"})  # plain text before Decidim 0.23
_FIELDS = {
    "Proposal": {
        "id": "",
        "title": "{ translations { locale text } }",
        "body": "{ translations { locale text } }",
        "publishedAt": "",
        "createdAt": "",
        "state": "",
        "withdrawn": "",
        "url": "",
        "category": "{ name { translations { locale text } } }",
        "scope": "{ name { translations { locale text } } }",
    },
    "Comment": {"id": "", "body": "", "createdAt": "", "alignment": "", "hasComments": ""},
    "Author": {"id": "", "name": "", "nickname": ""},
}
# As graphql-ruby says it (a Decidim), then as graphql-core does (a proxy, our tests).
_UNKNOWN = (
    re.compile(r"Field '(\w+)' doesn't exist on type '(\w+)'"),
    re.compile(r"Cannot query field '(\w+)' on type '(\w+)'"),
)
_PLAIN = (
    re.compile(r"field '(\w+)' returns \w+ but has selections"),
    re.compile(r"Field '(\w+)' must not have a selection"),
)
_NO_SINGLE = re.compile(r"argument '?singleCommentId'?")
_TOO_MUCH = re.compile(r"\bcomplexity\b")


@dataclass(frozen=True)
class Dialect:
    """What a server was found to lack (`without`) or not to translate (`plain`), how many proposals it gives, and
    whether it tells what answers a single comment."""

    page: int
    without: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()
    single: bool = True

    def learnt(self, complaints: Iterable[str]) -> "Dialect":
        """The dialect after these error messages; itself where they teach nothing."""
        found = self
        for complaint in complaints:
            if (field := unknown_field(complaint)) in OPTIONAL:
                found = replace(found, without=found.without | {field})
            elif any(field in TRANSLATED for field in _plain_fields(complaint)):
                found = replace(found, plain=found.plain | (TRANSLATED & set(_plain_fields(complaint))))
            elif _NO_SINGLE.search(complaint):
                found = replace(found, single=False)
            elif _TOO_MUCH.search(complaint) and found.page == self.page > SMALLEST_PAGE:
                found = replace(found, page=max(SMALLEST_PAGE, self.page // 2))
        return found

    def spaces(self) -> str:
        """Every process that is public, with its components."""
        return "query { participatoryProcesses { slug components { id __typename } } }"

    def listing(self) -> str:
        """A page of the proposals of a component, with their comments."""
        return (
            "query($component: ID!, $after: String) { component(id: $component) { ... on Proposals { "
            f"proposals(first: {self.page}, after: $after) {{ pageInfo {{ hasNextPage endCursor }} "
            f"edges {{ node {self._proposal()} }} }} }} }} }}"
        )

    def one(self) -> str:
        """A single proposal, with its comments."""
        return (
            "query($component: ID!, $proposal: ID!) { component(id: $component) { ... on Proposals { "
            f"proposal(id: $proposal) {self._proposal()} }} }} }}"
        )

    def answers(self) -> str:
        """What answers a comment: a question may hold `comments` within `comments` once, answers go deeper."""
        return (
            "query($component: ID!, $proposal: ID!, $comment: String) { component(id: $component) { ... on Proposals { "
            "proposal(id: $proposal) { comments(singleCommentId: $comment) "
            f"{{ id comments {self._comment()} }} }} }} }} }}"
        )

    def _proposal(self) -> str:
        authors = f"authors {{ {self._fields('Author')} }}"
        comments = f"comments {self._comment(f'comments {self._comment()}')}"
        return f"{{ {self._fields('Proposal')} {authors} {comments} }}"

    def _comment(self, inside: str = "") -> str:
        return f"{{ {self._fields('Comment')} author {{ {self._fields('Author')} }} {inside} }}"

    def _fields(self, kind: str) -> str:
        known = {name: below for name, below in _FIELDS[kind].items() if f"{kind}.{name}" not in self.without}
        return " ".join(name if f"{kind}.{name}" in self.plain else f"{name} {below}" for name, below in known.items())


def unknown_field(complaint: str) -> str:
    """`Type.field` of a message that says that a field is unknown, in our names of types; else empty."""
    for pattern in _UNKNOWN:
        if found := pattern.search(complaint):
            field, kind = found.groups()
            # An interface has its own name in some versions: Author, AuthorInterface, User.
            return f"{'Author' if kind in {'AuthorInterface', 'User'} else kind}.{field}"
    return ""


def _plain_fields(complaint: str) -> list[str]:
    return [f"Proposal.{found[1]}" for pattern in _PLAIN if (found := pattern.search(complaint))]
