"""From what platforms send to plain text: HTML, entities, composed accents, spaces."""

import html
import re
import unicodedata

from parsel import Selector
from w3lib.html import remove_tags, remove_tags_with_content

# `a < b` is not a tag: only these make a text HTML.
_TAG = re.compile(
    r"</?(?:a|b|blockquote|br|code|div|em|h[1-6]|i|img|li|ol|p|pre|script|span|strong|style|u|ul)\b[^>]*>", re.I
)
# The last one may be cut: an export that parts its columns with `;` cuts texts inside `&gt;`.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8}\d{0,2});|&(?:amp|gt|lt|quot|nbsp|#39)$", re.I)
_LINE_END = re.compile(r"<br\s*/?>|</(?:p|div|li|h[1-6]|blockquote|pre|ul|ol)>", re.I)
_SPACES = re.compile(r"[ \t\u00a0\u202f]+")
_AROUND_LINES = re.compile(r" *\n *")
_BLANK_LINES = re.compile(r"\n{3,}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff]")
_ADDRESS = re.compile(r"https?://[^\s<>\"'»)\]]+[^\s<>\"'»)\].,;:!?…]")


def plain_text(text: str) -> str:
    """`text` without tags or entities, then made tidy."""
    if _TAG.search(text):
        text = remove_tags(remove_tags_with_content(_LINE_END.sub("\n", text), ("script", "style")))
    if _ENTITY.search(text):
        text = html.unescape(text)
    return tidy(text)


def tidy(text: str) -> str:
    """`text`, which is no HTML, in NFC, its lines kept, its runs of spaces reduced to one, no control characters."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _SPACES.sub(" ", _CONTROL.sub("", text))
    return _BLANK_LINES.sub("\n\n", _AROUND_LINES.sub("\n", text)).strip()


def addresses(text: str) -> tuple[str, ...]:
    """Web addresses that a text points to, in order, once each; in HTML, not those of mentions and hashtags."""
    if not _TAG.search(text):
        return tuple(dict.fromkeys(_ADDRESS.findall(text)))
    links = Selector(text=text).css("a:not(.mention):not(.hashtag):not([rel~=tag])::attr(href)").getall()
    return tuple(dict.fromkeys(link for link in links if link.startswith(("http://", "https://"))))
