"""`polyphonie import`: exports of consultations, and any JSONL or CSV through a mapping."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from crawlers.files import Row, detect, read
from polyphonie.cli.workspace import SIMULATION_MARK, AsJson, Home, Workspace, progress, say
from polyphonie.pseudonyms import epoch_of
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
        (work.settings.home / SIMULATION_MARK).unlink(missing_ok=True)  # from now on it holds real data
        for path in files:
            totals.update(_import(work, path, mapping))
    answer = {"files": [path.name for path in files], **totals}
    words = " · ".join(f"{totals[name]:,} {name}" for name in ("rows", *OUTCOMES, "new"))
    if totals["quarantined"]:
        words += "\nSee why with `polyphonie quarantine list`."
    say(answer, as_json, words + "\nNext: `polyphonie enrich`.")


def _import(work: Workspace, path: Path, mapping: Path | None) -> Counter[str]:
    export = detect(path, mapping)
    # Another mapping reads another thing in the same file.
    meaning = f":{blake2b(mapping.read_bytes(), digest_size=8).hexdigest()}" if mapping else ""
    source = f"file:{export.fingerprint}{meaning}"
    cursor, counts = work.spool.cursor(source) or ({}, {})
    # One instant for the whole file: an import that was cut gives the same records as one that was not.
    received_at = datetime.fromisoformat(cursor.get("received_at", datetime.now(UTC).isoformat()))
    if epoch_of(received_at, work.keys.epoch_days) < work.keys.closed_before():
        received_at = datetime.now(UTC)  # the epoch in which it began is over
    totals = Counter(dict.fromkeys(("rows", *OUTCOMES), 0) | counts)
    new = 0
    with progress(path.name[:24]) as advance:
        advance(totals["rows"])
        for batch in _batches(read(export, cursor.get("reached"))):
            envelopes, refusals = _admitted(work, batch, path.name, received_at)
            refused = {refusal.origin for refusal in refusals}
            totals.update("quarantined" if _place(path.name, row.number) in refused else row.outcome for row in batch)
            totals["rows"] += len(batch)
            reached = {"reached": batch[-1].cursor, "received_at": received_at.isoformat(), "file": path.name}
            new += work.spool.put(Arrival(source, envelopes, refusals, reached, dict(totals)))
            advance(len(batch))
    totals["new"] = new
    return totals


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, BATCH_ROWS)):
        yield batch


def _admitted(
    work: Workspace, rows: list[Row], file: str, received_at: datetime
) -> tuple[list[Envelope], list[Refusal]]:
    envelopes: list[Envelope] = []
    refusals: list[Refusal] = []
    for row in rows:
        reason = row.reason if row.outcome == "quarantined" else ""
        try:
            admitted = [work.border.admit(native, received_at) for native in row.natives]
        except ValidationError as error:
            reason, admitted = f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}", []
        if reason:
            refusals.append(Refusal(_place(file, row.number), file, reason))
        envelopes.extend(envelope for envelope in admitted if envelope is not None)
    return envelopes, refusals


def _place(file: str, row: int) -> str:
    return f"{file}, row {row}"
