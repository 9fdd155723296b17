"""The open data of a Decidim: a zip with one CSV a component, without what its moderators hid."""

import csv
import io
import zipfile
from collections.abc import Iterable
from datetime import datetime, timedelta

from aiohttp import web

from simulator.live.site import site, unless_known
from simulator.live.stage import Stage
from simulator.world import Emission

FIRST_EXPORT = datetime(2026, 1, 1)  # a zip knows no zone
FORMULA = ("=", "+", "-", "@")
NAME = "decidim"
PROPOSALS, COMMENTS = "proposals", "proposal_comments"


class Decidim:
    """The zip is exported anew when there is something new, and after who has it was told so (304): a real one is,
    every day, and only what two exports do not have is surely gone."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        rows = [emission.payload for emission in stage.emissions[NAME]]
        self._columns = {
            kind: next((list(row) for row in rows if ("commentable_type" in row) == (kind == COMMENTS)), [])
            for kind in (PROPOSALS, COMMENTS)
        }
        self._exports = 0
        self._held: tuple[int, bytes] | None = None  # how many payloads it tells

    def application(self) -> web.Application:
        return site([web.get("/open-data/download", self.download)])

    async def download(self, request: web.Request) -> web.Response:
        delivered = self.stage.delivered(NAME)
        if self._held is None or self._held[0] != len(delivered):
            self._held = len(delivered), self._export(delivered)
        answer = unless_known(request, self._held[1], "application/zip")
        if answer.status == 304:
            self._held = None
        else:
            self.stage.told(NAME)
        return answer

    def _export(self, delivered: list[Emission]) -> bytes:
        self._exports += 1
        shown: dict[str, dict[str, dict[str, str]]] = {PROPOSALS: {}, COMMENTS: {}}
        for row in (emission.payload for emission in delivered):
            rows = shown[COMMENTS if "commentable_type" in row else PROPOSALS]
            if row.get("upstream_status") == "hidden":
                rows.pop(row["id"], None)
            else:
                rows[row["id"]] = row
        # Its dates count in steps of two seconds.
        at = (FIRST_EXPORT + timedelta(seconds=2 * self._exports)).timetuple()[:6]
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            for kind, rows in shown.items():
                archive.writestr(
                    zipfile.ZipInfo(f"open-data-{kind}.csv", at), _table(self._columns[kind], rows.values())
                )
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
