"""What a row of a described file says, its columns already under our names."""

from collections.abc import Mapping as Columns
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from crawlers.generic.mapping import Coded, Mapping, RowKind
from crawlers.moments import instant
from crawlers.payloads import Payload
from polyphonie.errors import PayloadError
from polyphonie.records import Stance


class Entry(Payload):
    """One row. Text fields are empty, others None, where the row or the mapping has nothing."""

    source: str
    kind: RowKind
    id: str
    text: str
    title: str
    section: str
    created_at: datetime
    author: str | None
    handle: str | None
    names: tuple[str, ...]
    proposal: str | None
    stance: Stance | None
    parent: str | None
    urls: tuple[str, ...]
    hashtags: tuple[str, ...]
    trust_date: bool


def read(row: Columns[str, Any], mapping: Mapping) -> Entry:
    """The entry of one row, given as column -> cell (text in CSV, anything in JSON). Raises PayloadError."""

    def cell(column: str | None) -> str:
        return _text(value(row, column)) if column else ""

    if mapping.language and cell(mapping.language.column) not in mapping.language.keep:
        raise PayloadError("language not kept")
    kind = _coded(row, mapping.kind, "kind") if isinstance(mapping.kind, Coded) else mapping.kind
    stance = _coded(row, mapping.stance, "stance") if mapping.stance else ""
    date = mapping.date
    if not cell(mapping.id):
        raise PayloadError("no identifier")
    return Entry.read(
        {
            "source": mapping.source,
            "kind": kind,
            "id": cell(mapping.id),
            "text": cell(mapping.text),
            "title": cell(mapping.title),
            "section": cell(mapping.section),
            "created_at": instant(cell(date.column), date.format, ZoneInfo(date.zone) if date.zone else None),
            "author": cell(mapping.author) or None,
            "handle": cell(mapping.handle) or None,
            "names": tuple(filter(None, map(cell, mapping.names))),
            "proposal": cell(mapping.proposal) or None,
            "stance": stance or None,
            "parent": cell(mapping.parent) or None,
            "urls": _several(value(row, mapping.urls)) if mapping.urls else (),
            "hashtags": _several(value(row, mapping.hashtags)) if mapping.hashtags else (),
            "trust_date": mapping.trust_date,
        }
    )


def value(row: Columns[str, Any], column: str) -> Any:
    """What `column` holds: the column itself, else the object of JSON that a dotted path leads to; None if absent."""
    if column in row:
        return row[column]
    here: Any = row
    for part in column.split("."):
        if not isinstance(here, dict) or part not in here:
            return None
        here = here[part]
    return here


def _coded(row: Columns[str, Any], coded: Coded, name: str) -> str:
    written = _text(value(row, coded.column))
    meaning = coded.values.get(written, coded.other)
    if meaning is None:
        raise PayloadError(f"{name}: a value that the mapping does not name")
    return meaning


def _text(content: Any) -> str:
    match content:
        case None:
            return ""
        case bool():
            return "yes" if content else "no"
        case str():
            return content.strip()
        case int() | float():
            return str(content)
        case _:
            raise PayloadError("a list or an object where a text is expected")


def _several(content: Any) -> tuple[str, ...]:
    return tuple(map(_text, content)) if isinstance(content, list) else tuple(_text(content).split())
