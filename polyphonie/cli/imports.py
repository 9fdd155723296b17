"""`polyphonie import`: exports of consultations, and any JSONL or CSV through a mapping."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from crawlers.files import Row, open_export
from polyphonie.cli.workspace import AsJson, Home, Workspace, progress, say
from polyphonie.errors import PayloadError
from polyphonie.records import Envelope
from polyphonie.spool import Arrival, Refusal

BATCH_ROWS = 500
OUTCOMES = ("imported", "repaired", "quarantined")


def import_files(
    files: Annotated[list[Path], typer.Argument(help="Cap Collectif CSV, Decidim open-data zip, or JSONL/CSV.")],
    mapping: Annotated[Path | None, typer.Option(help="YAML that says which column is what (JSONL and CSV).")] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Bring exports in. Stop it at any moment: the same command goes on where it was, and repeats nothing.

    Example: polyphonie import consultation.csv open-data.zip
    """
    totals: Counter[str] = Counter(dict.fromkeys(("rows", *OUTCOMES, "new"), 0))
    with Workspace(home) as work:
        for path in files:
            totals.update(_import(work, path, mapping))
    answer = {"files": [path.name for path in files], **totals}
    words = " · ".join(f"{totals[name]:,} {name}" for name in ("rows", *OUTCOMES, "new"))
    if totals["quarantined"]:
        words += "\nSee why with `polyphonie quarantine list`."
    say(answer, as_json, words + "\nNext: `polyphonie enrich`.")


def _import(work: Workspace, path: Path, mapping: Path | None) -> dict[str, int]:
    export = open_export(path, mapping)
    source = f"file:{export.digest}"
    cursor, counts = work.spool.cursor(source) or ({}, {})
    # One instant for the whole file: an import that was cut gives the same records as one that was not.
    received_at = datetime.fromisoformat(cursor.get("received_at", datetime.now(UTC).isoformat()))
    totals = Counter(dict.fromkeys(("rows", *OUTCOMES, "new"), 0) | counts)
    batch: list[Row] = []

    def commit(reached: dict[str, Any]) -> None:
        envelopes, refusals = _admitted(work, batch, path.name, received_at)
        totals.update(row.outcome for row in batch)
        totals["rows"] += len(batch)
        # What is new is counted by the spool itself, outside the counts that a resumed import starts from.
        totals["new"] += work.spool.put(
            Arrival(
                source,
                envelopes,
                refusals,
                {"reached": reached, "received_at": received_at.isoformat(), "file": path.name},
                {name: totals[name] for name in ("rows", *OUTCOMES)},
            )
        )
        batch.clear()

    with progress(path.name[:24], export.size_bytes) as advance:
        advance(0, completed=export.position(cursor.get("reached")))
        for row in export.rows(cursor.get("reached")):
            batch.append(row)
            if len(batch) >= BATCH_ROWS:
                commit(row.cursor)
                advance(0, completed=export.position(row.cursor))
        if batch:
            commit(batch[-1].cursor)
        advance(0, completed=export.size_bytes)
    return dict(totals)


def _admitted(
    work: Workspace, rows: list[Row], file: str, received_at: datetime
) -> tuple[list[Envelope], list[Refusal]]:
    envelopes, refusals = [], []
    for row in rows:
        if row.outcome == "quarantined":
            refusals.append(Refusal(f"{file}, row {row.number}", file, row.reason))
        for native in row.natives:
            try:
                envelope = work.border.admit(native, received_at)
            except ValueError as error:
                raise PayloadError(f"{file}, row {row.number}: {error}") from error
            if envelope is not None:
                envelopes.append(envelope)
    return envelopes, refusals
