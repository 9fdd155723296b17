"""Content signals of a robots.txt (contentsignals.org, seen November 2026): for what its content may not be collected.

The policy says of each `no` that one may not collect content for that use, and that it is an express reservation under
article 4 of directive 2019/790. Of its three uses we make two, and one `no` to either refuses us the host:

- `search`, "building a search index and providing search results": we keep an index of texts, with their addresses;
- `ai-input`, "inputting content into one or more AI models": models read every text for its subject and its stance.

`ai-train=no` alone, which Cloudflare writes by itself for millions of hosts, refuses nothing: our models learn from
corpora that were written for it and from published data sets, never from what is crawled. What people label of crawled
texts judges these models. A record does not tell what its host reserved, so to train on such labels would need it to.

What is not said is neither granted nor refused; a use that we do not know (`use=reference`) says nothing to us.
"""

from collections.abc import Iterable

OURS = ("search", "ai-input")
EVERYBODY = "*"
_NAMES = frozenset({"user-agent", "useragent", "user agent"})
_NO_GROUP = frozenset({"sitemap", "host"})  # lines of the whole file, which end no group


def refused(content: str, token: str) -> list[str]:
    """Those of our uses that a robots.txt refuses to the robot of this name: as the group of that name says, else as
    the group of everybody does, or a line of no group."""
    said: dict[str, dict[str, bool]] = {EVERYBODY: {}, token.casefold(): {}}
    group, naming = [EVERYBODY], False
    for line in content.splitlines():
        field, colon, value = (part.strip() for part in line.partition("#")[0].casefold().partition(":"))
        if not colon or field in _NO_GROUP:
            continue
        if field in _NAMES:
            group = [*group, value] if naming else [value]
        elif field == "content-signal":
            for name in said.keys() & set(group):
                _add(said[name], value.split(","))
        naming = field in _NAMES
    heard = said[EVERYBODY] | said[token.casefold()]
    return [use for use in OURS if heard.get(use)]


def _add(heard: dict[str, bool], signals: Iterable[str]) -> None:
    for signal in signals:
        use, _, answer = (part.strip() for part in signal.partition("="))
        if answer in ("yes", "no"):
            # Said twice, the refusal holds.
            heard[use] = heard.get(use, False) or answer == "no"
