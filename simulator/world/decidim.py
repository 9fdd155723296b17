"""Comments of a consultation as rows of Decidim's open data, and the proposals that they stand under."""

from datetime import timedelta

from polyphonie.records import Kind, Proposal, Stance
from simulator.world.clock import instant
from simulator.world.script import Message, Script
from simulator.world.wording import word

_ALIGNMENTS = {Stance.FAVOUR: "1", Stance.AGAINST: "-1", Stance.UNCLEAR: "0", None: "0"}
_ZONE = " UTC"


def payload(script: Script, message: Message, seed: int) -> dict[str, str]:
    """The row of a comment. Only one that stands directly under the proposal has a side."""
    proposal = script.society.proposals[message.subject]
    number = script.society.consulted[proposal.id]
    parent = message.target
    return {
        "id": str(_number(message)),
        "created_at": _date(message.at),
        "body": word(script, message, seed).text,
        "locale": message.lang,
        "author/id": message.author.native_id,
        "author/name": message.author.display_name,
        "alignment": "0" if parent else _ALIGNMENTS[message.stance],
        "depth": str(_depth(message)),
        "user_group/id": "",
        "user_group/name": "",
        "commentable_id": str(_number(parent) if parent else number),
        "commentable_type": "Decidim::Comments::Comment" if parent else "Decidim::Proposals::Proposal",
        "root_commentable_url": _page(script.society.site, number),
    }


def deletion(script: Script, message: Message, seed: int) -> dict[str, str]:
    """The row of a comment that the moderators hid."""
    return payload(script, message, seed) | {"upstream_status": "hidden"}


def proposal_row(proposal: Proposal, site: str, number: int, at: int) -> dict[str, str]:
    """The row of a proposal put to the consultation, published one day before anybody speaks."""
    published = _date(at - int(timedelta(days=1).total_seconds()) * 1_000_000)
    return {
        "id": str(number),
        "author/id": "",
        "author/name": "",
        "category/name/fr": proposal.sector,
        "component/id": "7",
        "title/fr": proposal.statement,
        "body/fr": f"{proposal.statement} {' '.join(proposal.paraphrases)}",
        "state": "",
        "reference": f"VLN-PROP-{number}",
        "votes": "0",
        "endorsements/total_count": "0",
        "comments": "0",
        "created_at": published,
        "published_at": published,
        "url": _page(site, number),
    }


def uri(script: Script, message: Message) -> str:
    """The site and the number of the comment: what names it among all the platforms that run Decidim."""
    return f"{script.society.site}:comment:{_number(message)}"


def proposal_uri(site: str, number: int) -> str:
    """The site and the number of the proposal."""
    return f"{site}:proposal:{number}"


def _number(message: Message) -> int:
    return 20_000 + message.number


def _depth(message: Message) -> int:
    depth = 0
    while message.kind is Kind.REPLY and message.target:
        message, depth = message.target, depth + 1
    return depth


def _date(at: int) -> str:
    return instant(at).strftime("%Y-%m-%d %H:%M:%S") + _ZONE


def _page(site: str, number: int) -> str:
    return f"https://{site}/processes/budget/f/7/proposals/{number}"
