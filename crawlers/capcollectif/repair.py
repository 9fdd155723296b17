"""Mends the rows that a Cap Collectif export cuts or shifts, where what they said is certain."""

import re
from collections.abc import Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from crawlers.moments import instant, instant_of_uuid
from polyphonie.errors import PayloadError

_DATE = re.compile(r"\d{2}/\d{2}/\d{4} \d{2}:\d{2}")
# A date stuck to the end of a text: its separator was lost; the export also writes `;,` and seconds.
_STUCK_DATE = re.compile(
    r"[;,]*(?:(?P<french>\d{2}/\d{2}/\d{4} \d{2}:\d{2})|(?P<iso>\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}))$"
)
_SEPARATORS = re.compile(r";{8,}")
# What follows a text in its row; inside a text, it means that the text swallowed the rest.
_SWALLOWED = re.compile(r";\d{2}/\d{2}/\d{4} \d{2}:\d{2};")
_PARIS = ZoneInfo("Europe/Paris")


def mend(row: Mapping[str, str], prefix: str, body: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Cells of the columns that begin with `prefix` (taken off), each in its place, and what was mended.

    body: the column of the text, without prefix.
    Raises PayloadError where the place of a cell cannot be told.
    """
    cells = {column.removeprefix(prefix): value for column, value in row.items() if column.startswith(prefix)}
    repairs: list[str] = []
    if cells.get("updatedAt", "").startswith(("http://", "https://")):
        cells = _unshifted(cells, body)
        repairs.append("shifted by one column")
    text = cells.get(body, "")
    if _SWALLOWED.search(text):
        raise PayloadError("the text swallowed the columns that follow it")
    if _SEPARATORS.search(text):
        cells[body] = _SEPARATORS.sub(" ", text)
        repairs.append("separators inside the text")
    if not repairs and _DATE.fullmatch(cells.get("createdAt", "")) and cells.get("published", "") == "":
        repairs.append("cut short after its date")
    return cells, tuple(repairs)


def _unshifted(cells: dict[str, str], body: str) -> dict[str, str]:
    """Puts back the column that is missing before `updatedAt`: the address then stands one column too early."""
    columns = list(cells)
    place = columns.index(body)
    values = list(cells.values())
    if _DATE.fullmatch(values[place]) and "title" in cells and ";" in cells["title"]:
        # Title and text were quoted as one; a title of this platform is one line, and the first `;` ends it.
        title, _, text = cells["title"].partition(";")
        return dict(zip(columns, [*values[: place - 1], title, text, *values[place:]], strict=False))
    if stuck := _STUCK_DATE.search(values[place]):
        date = _checked(stuck, cells.get("id", ""))
        return dict(
            zip(columns, [*values[:place], values[place][: stuck.start()], date, *values[place + 1 :]], strict=False)
        )
    raise PayloadError("shifted, and the missing column cannot be told")


def _checked(stuck: re.Match[str], identifier: str) -> str:
    """The date stuck to a text, as the export writes it, if the clock inside the identifier agrees to the minute."""
    written = (
        instant(stuck["french"], "%d/%m/%Y %H:%M", _PARIS) if stuck["french"] else instant(stuck["iso"], "iso", _PARIS)
    )
    made = instant_of_uuid(identifier)
    if made is None or abs(made - written) > timedelta(minutes=1):
        raise PayloadError("a date stuck to the text, which the identifier does not confirm")
    return written.astimezone(_PARIS).strftime("%d/%m/%Y %H:%M")
