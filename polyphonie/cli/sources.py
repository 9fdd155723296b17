"""`polyphonie sources`: what each source does, what it lacks, and whether somebody should look at it."""

import fcntl
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from crawlers.sources import TERMS_LAST, Source, read_sources
from measures.source_health import Alert, alerts, stopped
from polyphonie.cli.workspace import AsJson, Home, Workspace, say
from polyphonie.errors import InputError
from polyphonie.journal import Gap, Journal

ALERTED = 9  # exit code, so that cron can watch
COLUMNS = ("source", "state", "lag", "last item", "a second", "errors", "terms", "next", "requests today", "gaps")
NEVER: Mapping[str, Any] = dict.fromkeys(
    ("detail", "last_error", "last_heard", "last_item", "lag_s", "rate", "due", "updated_at")
)


def sources_command(
    name: Annotated[str | None, typer.Argument(help="One source, in detail [default: all of them].")] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Say what each source does, how late it is, what it lacks, and what somebody should look at.

    States: off, never (crawled), listening, resting, waiting, failing, stopped. Exit code 9: there is an alert.

    Example: polyphonie sources bluesky --json
    """
    now = datetime.now(UTC)
    with Workspace(home) as work:
        known = read_sources(work.settings.home)
        journal = work.spool.journal
        names = sorted({*known, *journal.crawls()})
        if name is not None and name not in names:
            raise InputError(f"no source is called {name!r}; known ones: {', '.join(names) or 'none'}")
        told = {one: told_of(work, one, known.get(one), now) for one in names if name in (None, one)}
        detail = detail_of(journal, name, now) if name else {}
    alerted = any(not alert["notice"] for one in told.values() for alert in one["alerts"])
    words = _table(told) if told else "No source yet: write one in HOME/sources.yaml (configs/sources.yaml shows how)."
    said = [words, *(_alert(one, alert) for one, it in told.items() for alert in it["alerts"])]
    answer = {"sources": told, "alert": alerted}
    if name:
        told[name] |= detail
        said += _details(told[name])
    say(answer, as_json, "\n".join(said))
    if alerted:
        raise typer.Exit(ALERTED)


def source_alerts(work: Workspace, now: datetime) -> list[dict[str, Any]]:
    """Alerts and notices of every source, each with the name of its source."""
    known = read_sources(work.settings.home)
    told = {name: told_of(work, name, source, now) for name, source in known.items()}
    return [{"source": name, **alert} for name, one in told.items() for alert in one["alerts"]]


def told_of(work: Workspace, name: str, source: Source | None, now: datetime) -> dict[str, Any]:
    """Everything that one line says of a source. source: None where it is not listed any more."""
    journal = work.spool.journal
    crawl = journal.crawls().get(name)
    alive = is_held(work.settings.home / f"crawl-{name}.lock")
    gaps = [gap for _, gap in journal.gaps(name)]
    listed = source is not None and source.enabled
    found = alerts(journal, name, crawl, now, alive) if crawl and (listed or alive) else []
    row = {**NEVER, "errors": 0} | (crawl or {})
    return {
        "platform": source.platform if source else row.get("platform"),
        "state": state_of(source, crawl, alive),
        **{key: row[key] for key in ("detail", "lag_s", "last_heard", "last_item", "rate", "errors", "last_error")},
        "due": row["due"] if alive else None,
        "terms": terms_of(source, now.date()) if source else None,
        "requests_today": journal.spent(name, now.date()),
        "budget_a_day": source.budget_a_day if source else None,
        "gaps": len(gaps),
        "last_gap": _gap(gaps[-1]) if gaps else None,
        "unknown_fields": len(journal.unknown_fields(name)),
        "alerts": [_told(alert) for alert in found],
    }


def state_of(source: Source | None, crawl: Mapping[str, Any] | None, alive: bool) -> str:
    """What a source does. What the journal says last is only true while a process is at it."""
    if not alive and (source is None or not source.enabled):
        return "off"
    if crawl is None:
        return "listening" if alive else "never"
    return "stopped" if not alive and stopped(crawl) else str(crawl["state"])


def terms_of(source: Source, today: date) -> dict[str, Any]:
    """The terms record of a source: its date, the role, how many days are left; or why nothing may be asked."""
    record = source.terms
    return {
        "url": record.terms_url if record else None,
        "checked_at": record.terms_checked_at if record else None,
        "approved_by": record.approved_by if record else None,
        "days_left": (TERMS_LAST - (today - record.terms_checked_at)).days if record else None,
        "refusal": source.refusal(today) or None,
    }


def detail_of(journal: Journal, name: str, now: datetime) -> dict[str, Any]:
    """What the line of a source only sums up."""
    return {
        "last_day": journal.counts(name, now - timedelta(days=1)),
        "last_week": journal.counts(name, now - timedelta(days=7)),
        "every_gap": [_gap(gap) for _, gap in journal.gaps(name)],
        "every_unknown_field": journal.unknown_fields(name),
        "every_refusal": [asdict(one) for one in journal.unread(name)],
    }


def is_held(lock: Path) -> bool:
    """Whether a process holds a lock file of `Workspace.alone`; looking at it does not keep it."""
    if not lock.exists():
        return False
    with lock.open() as file:
        try:
            # Shared, so that two who look do not see each other.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _gap(gap: Gap) -> dict[str, Any]:
    return {"since": gap.since, "until": gap.until, "reason": gap.reason}


def _told(alert: Alert) -> dict[str, Any]:
    return {name: getattr(alert, name) for name in ("kind", "since", "evidence", "p_value", "notice")}


def _table(told: Mapping[str, Mapping[str, Any]]) -> str:
    table = Table(*COLUMNS, box=None, pad_edge=False)
    whys = []
    for name, one in told.items():
        table.add_row(
            name,
            one["state"],
            "" if one["lag_s"] is None else f"{one['lag_s']:,.0f} s",
            _short(one["last_item"]),
            "" if one["rate"] is None else f"{one['rate']:,.1f}",
            str(one["errors"] or ""),
            _terms(one["terms"]),
            _short(one["due"]),
            f"{one['requests_today']:,} of {one['budget_a_day']:,}" if one["budget_a_day"] else "",
            str(one["gaps"] or ""),
        )
        whys.append(_why(one))
    page = Console(width=1_000, color_system=None)  # a source is one line
    with page.capture() as captured:
        page.print(table)
    header, *rows = (line.rstrip() for line in captured.get().splitlines())
    return "\n".join([header, *(line for both in zip(rows, whys, strict=True) for line in both if line)])


def _why(one: Mapping[str, Any]) -> str:
    """Why a source does not listen, in the words of its journal."""
    said = {"waiting": one["detail"], "failing": one["last_error"]}
    return f"  {why}" if (why := said.get(one["state"])) else ""


def _terms(terms: Mapping[str, Any] | None) -> str:
    if not terms or not (terms["refusal"] or terms["checked_at"]):
        return ""
    if terms["refusal"]:
        return "REFUSED"
    return f"{terms['checked_at']} ({terms['days_left']} days left, {terms['approved_by']})"


def _short(instant: str | None) -> str:
    return f"{datetime.fromisoformat(instant):%d/%m %H:%M}" if instant else ""


def _alert(name: str, alert: Mapping[str, Any]) -> str:
    level = "notice" if alert["notice"] else "ALERT"
    odds = "" if alert["p_value"] is None else f" (p = {alert['p_value']:.1g})"
    since = f" since {alert['since']:%Y-%m-%d %H:%M} UTC" if alert["since"] else ""
    return f"{level}: {name}: {alert['kind']}{since}: {alert['evidence']}{odds}"


def _details(one: Mapping[str, Any]) -> list[str]:
    terms = one["terms"] or {}
    lines = [f"refused     {terms['refusal']}"] if terms.get("refusal") else []
    lines += [f"last error  {one['last_error']}"] if one["last_error"] else []
    lines += [f"says        {one['detail']}"] if one["detail"] else []
    for title, counts in (("24 hours", one["last_day"]), ("7 days", one["last_week"])):
        lines.append(f"{title:<12}" + (" · ".join(f"{n:,} {outcome}" for outcome, n in counts.items()) or "nothing"))
    lines += [f"gap         {gap['since']} to {gap['until']}: {gap['reason']}" for gap in one["every_gap"]]
    lines += [f"unknown     {field}, {n:,} times" for field, n in one["every_unknown_field"].items()]
    lines += [
        f"unread      {why['reason']}, {why['number']:,} times, last at {why['at']:%Y-%m-%d %H:%M} UTC: {why['place']}"
        for why in one["every_refusal"]
    ]
    return lines
