"""The open data of a Decidim: a zip with one CSV a component, without what its moderators hid."""

import csv
import io
import zipfile
from collections.abc import Iterable

from aiohttp import web

from simulator.live.site import site, unless_known
from simulator.live.stage import Stage

SAME_DATE = (2026, 1, 1, 0, 0, 0)  # so that the same rows make the same file
FORMULA = ("=", "+", "-", "@")
NAME = "decidim"
PROPOSALS, COMMENTS = "proposals", "proposal_comments"


class Decidim:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        rows = [emission.payload for emission in stage.emissions[NAME]]
        self._columns = {
            kind: next((list(row) for row in rows if ("commentable_type" in row) == (kind == COMMENTS)), [])
            for kind in (PROPOSALS, COMMENTS)
        }

    def application(self) -> web.Application:
        return site([web.get("/open-data/download", self.download)])

    async def download(self, request: web.Request) -> web.Response:
        shown: dict[str, dict[str, dict[str, str]]] = {PROPOSALS: {}, COMMENTS: {}}
        for row in (emission.payload for emission in self.stage.delivered(NAME)):
            rows = shown[COMMENTS if "commentable_type" in row else PROPOSALS]
            if row.get("upstream_status") == "hidden":
                rows.pop(row["id"], None)
            else:
                rows[row["id"]] = row
        members = {kind: _table(self._columns[kind], rows.values()) for kind, rows in shown.items()}
        self.stage.told(NAME)
        return unless_known(request, _zipped(members), "application/zip")


def _zipped(members: dict[str, str]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for kind, text in members.items():
            archive.writestr(zipfile.ZipInfo(f"open-data-{kind}.csv", SAME_DATE), text)
    return held.getvalue()


def _table(columns: list[str], rows: Iterable[dict[str, str]]) -> str:
    text = io.StringIO()
    lines = csv.DictWriter(text, fieldnames=columns, delimiter=";")
    lines.writeheader()
    lines.writerows({name: _guarded(cell) for name, cell in row.items()} for row in rows)
    return text.getvalue()


def _guarded(cell: str) -> str:
    # The exporter does this, so that no spreadsheet runs a text as a formula; an alignment of -1 is a number.
    return f"'{cell}" if cell.startswith(FORMULA) and not cell.removeprefix("-").isdecimal() else cell
