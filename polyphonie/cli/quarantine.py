"""`polyphonie quarantine`: what could not be processed, why, and another try."""

import re
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from crawlers.files import reread
from polyphonie.cli.workspace import AsJson, Home, Workspace, say
from polyphonie.errors import InputError
from polyphonie.spool import Arrival, Quarantined

quarantine = typer.Typer(help="What could not be processed: list it, or try again.", no_args_is_help=True)
INDEX = "index"  # the stage whose items were kept whole
_ROW = re.compile(r"^(?P<file>.+), row (?P<row>\d+)$")


@quarantine.command("list")
def list_command(
    limit: Annotated[int, typer.Option(min=1, help="Entries to print.")] = 50,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Show the reasons, then the entries. No text is shown: an entry says where it is, not what it says. What a crawl
    could not read is shown by source and reason, with where the last one was.

    Example: polyphonie quarantine list --json
    """
    with Workspace(home) as work:
        entries = work.spool.quarantined()
        crawled = work.spool.journal.unread()
    reasons = Counter(f"{entry.stage}: {entry.reason}" for entry in entries)
    answer = {
        "total": len(entries),
        "reasons": dict(reasons.most_common()),
        "entries": [
            {"id": e.id, "origin": e.origin, "stage": e.stage, "reason": e.reason, "at": e.at} for e in entries[:limit]
        ],
        "crawled": [asdict(one) for one in crawled],
    }
    words = [
        f"{len(entries):,} in quarantine",
        *(f"{number:>7,}  {reason}" for reason, number in reasons.most_common()),
    ]
    words += [f"#{entry.id:<6} {entry.origin}: {entry.reason}" for entry in entries[:limit]]
    if crawled:
        words.append(f"{sum(one.number for one in crawled):,} payloads of crawls could not be read; none is kept")
    words += [
        f"{one.number:>7,}  {one.source}: {one.reason} (last: {one.place}, {one.at:%d/%m %H:%M} UTC)" for one in crawled
    ]
    say(answer, as_json, "\n".join(words))


@quarantine.command("replay")
def replay_command(
    file: Annotated[
        Path | None, typer.Argument(help="The file that its rows came from, mended; else indexed items.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="Mapping of that file, where it needs one.")] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Try again: rows of a file (read anew at their place, since no payload is kept), or items that the index refused.
    What a crawl could not read is not kept, so it cannot be tried again.

    Example: polyphonie quarantine replay consultation.csv
    """
    with Workspace(home) as work:
        entries = [entry for entry in work.spool.quarantined() if (file is None) == (entry.stage == INDEX)]
        crawled = sum(one.number for one in work.spool.journal.unread())
        if file is None:
            for entry in entries:
                work.spool.release(entry)
            released = len(entries)
        else:
            released = sum(_replay_row(work, entry, file, mapping) for entry in entries)
    answer = {"tried": len(entries), "released": released, "crawled": crawled}
    words = f"{released:,} of {len(entries):,} released." + (" Next: `polyphonie enrich`." if released else "")
    if crawled:
        words += (
            f"\n{crawled:,} payloads of crawls cannot be tried again: nothing of them is kept. Once their reader is "
            "mended, a source brings again what it still lists."
        )
    say(answer, as_json, words)


def _replay_row(work: Workspace, entry: Quarantined, file: Path, mapping: Path | None) -> int:
    place = _ROW.match(entry.origin)
    if place is None or place["file"] != file.name:
        return 0
    try:
        row = reread(file, int(place["row"]), mapping)
        admitted = [work.border.admit(native, datetime.now(UTC)) for native in row.natives]
    except (InputError, ValidationError):
        return 0  # it stays, with the reason it had
    if row.outcome == "quarantined":
        return 0
    work.spool.put(Arrival(entry.source, [envelope for envelope in admitted if envelope is not None]))
    work.spool.release(entry)
    return 1
