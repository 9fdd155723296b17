"""Messages as statuses of Mastodon's API, seen from one invented server that knows the others."""

import html
import re
from typing import Any

from polyphonie.records import Kind
from simulator.world.clock import iso
from simulator.world.people import Author
from simulator.world.script import Message, Script
from simulator.world.wording import Wording, word

_MARKED = re.compile(r"https://\S+|#\w+|@[\w.-]+@[\w-]+\.example")
_DELAY_US = 4_000_000  # between what the author's clock says and the delivery


def payload(script: Script, message: Message, seed: int, *, edited: bool = False) -> dict[str, Any]:
    """The status that is delivered at `message.at`, or after its edit."""
    repost = message.kind is Kind.REPOST
    wording = Wording("") if repost else word(script, message, seed, edited=edited)
    author, target = message.author, message.target
    reply = target if message.kind is Kind.REPLY else None
    shown = payload(script, target, seed, edited=0 < target.edited_at <= message.at) if target and not reply else None
    return {
        "id": _number(message),
        "created_at": iso(_written(message)),
        "in_reply_to_id": _number(reply) if reply else None,
        "in_reply_to_account_id": reply.author.native_id if reply else None,
        "sensitive": False,
        "spoiler_text": "",
        "visibility": "public",
        "language": None if repost else message.lang,
        "uri": uri(message),
        "url": uri(message) if repost else f"https://{author.server}/@{author.username}/{_number(message)}",
        "replies_count": 0,
        "reblogs_count": 0 if repost else message.seen_reposts,
        "favourites_count": 0 if repost else message.seen_reposts * 2,
        "quotes_count": 0,
        "edited_at": iso(message.edited_at) if edited else None,
        "content": _content(wording, author.server),
        "reblog": shown if repost else None,
        "quote": {"state": "accepted", "quoted_status": shown} if message.kind is Kind.QUOTE else None,
        "account": _account(author),
        "media_attachments": [],
        "mentions": [_mention(mentioned) for mentioned in wording.mentioned],
        "tags": [{"name": tag.lower(), "url": f"https://{author.server}/tags/{tag.lower()}"} for tag in wording.tags],
        "emojis": [],
        "card": _card(wording) if wording.link else None,
        "poll": None,
    }


def uri(message: Message) -> str:
    """What names the status on every server; a repost is an activity."""
    status = f"{_profile(message.author)}/statuses/{_number(message)}"
    return f"{status}/activity" if message.kind is Kind.REPOST else status


def _number(message: Message) -> str:
    # Milliseconds, then a part that only makes it unique.
    return str((_written(message) // 1000 << 16) + message.number % 65_536)


def _written(message: Message) -> int:
    return message.at - _DELAY_US


def _profile(author: Author) -> str:
    return f"https://{author.server}/users/{author.username}"


def _account(author: Author) -> dict[str, Any]:
    return {
        "id": author.native_id,
        "username": author.username,
        "acct": author.handle,
        "display_name": author.display_name,
        "locked": False,
        "bot": False,
        "discoverable": True,
        "indexable": True,
        "noindex": False,
        "group": False,
        "created_at": "2023-02-01T00:00:00.000Z",
        "note": f"<p>{author.display_name}, ici en mon nom propre.</p>",
        "url": f"https://{author.server}/@{author.username}",
        "uri": _profile(author),
        "followers_count": 40 + author.number % 400,
        "following_count": 60 + author.number % 300,
        "emojis": [],
        "fields": [],
    }


def _mention(author: Author) -> dict[str, str]:
    return {
        "id": author.native_id,
        "username": author.username,
        "acct": author.handle,
        "url": f"https://{author.server}/@{author.username}",
    }


def _card(wording: Wording) -> dict[str, Any]:
    return {"url": wording.link, "title": wording.link_title, "description": "", "type": "link", "html": ""}


def _content(wording: Wording, server: str) -> str:
    if not wording.text:
        return ""
    parts, end = [], 0
    for found in _MARKED.finditer(wording.text):
        parts += [html.escape(wording.text[end : found.start()], quote=False), _marked(found[0], wording, server)]
        end = found.end()
    return f"<p>{''.join(parts)}{html.escape(wording.text[end:], quote=False)}</p>"


def _marked(token: str, wording: Wording, server: str) -> str:
    if token.startswith("#"):
        page = f"https://{server}/tags/{token[1:]}"
        return f'<a href="{page}" class="mention hashtag" rel="tag">#<span>{token[1:]}</span></a>'
    if token.startswith("@"):
        for author in wording.mentioned:
            if token == f"@{author.handle}":
                page = f"https://{author.server}/@{author.username}"
                link = f'<a href="{page}" class="u-url mention">@<span>{author.username}</span></a>'
                return f'<span class="h-card" translate="no">{link}</span>'
        return html.escape(token)
    shown = token.removeprefix("https://")
    return f'<a href="{html.escape(wording.link)}" target="_blank" rel="nofollow noopener">{html.escape(shown)}</a>'
