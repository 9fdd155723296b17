"""`polyphonie status`: what waits, what is indexed, how old it is."""

from datetime import UTC, datetime, timedelta
from typing import Any

from polyphonie.cli.measure import expired_at
from polyphonie.cli.sources import source_alerts
from polyphonie.cli.workspace import AsJson, Home, Workspace, say

LATE = timedelta(days=2)  # without retention


def status_command(as_json: AsJson = False, home: Home = None) -> None:
    """Say what this home holds and what waits for somebody.

    Example: polyphonie status --json
    """
    with Workspace(home) as work:
        stats = work.engine.stats()
        ages = work.engine.aggregate("positions", {"last": {"max": {"field": "at"}}})["last"]
        spool: dict[str, int] = work.spool.counts()
        indexed = {name: found["documents"] for name, found in stats["collections"].items()}
        answer: dict[str, Any] = {
            "home": str(work.settings.home),
            "engine": work.settings.engine,
            "spool": spool,
            "index": indexed,
            "open_epochs": work.keys.open_epochs(),
            "last_position": datetime.fromtimestamp(ages["value"] / 1000, UTC).isoformat()
            if ages.get("value")
            else None,
            "retention_applied_at": applied.isoformat() if (applied := expired_at(work)) else None,
            "sources": work.spool.sources(),
            "source_alerts": source_alerts(work, datetime.now(UTC)),
        }
    words = [
        f"home      {answer['home']} ({answer['engine']})",
        "spool     " + " · ".join(f"{spool[state]:,} {state}" for state in ("todo", "doing", "done", "quarantine")),
        "index     " + " · ".join(f"{number:,} {name}" for name, number in indexed.items()),
        f"last      {answer['last_position'] or 'nothing yet: `polyphonie import FILE` or `polyphonie demo`'}",
    ]
    if spool["todo"] + spool["doing"]:
        words.append("next      `polyphonie enrich`")
    if applied and datetime.now(UTC) - applied > LATE:
        words.append(f"late      retention was applied on {applied:%Y-%m-%d}: `polyphonie measure`, once a day")
    for alert in answer["source_alerts"]:
        words.append(f"look at   `polyphonie sources {alert['source']}`: {alert['kind']}")
    say(answer, as_json, "\n".join(words))
