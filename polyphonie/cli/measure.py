"""`polyphonie measure`: from positions to tallies; then what is too old goes."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from index.retention import expire
from measures.drifting import Seen, evaluation, keep_shifts, read_shifts, shifts_path
from measures.placing import settle_places
from measures.tallies import Measured, closed_tallies, measure
from polyphonie.cli.erasing import tidy
from polyphonie.cli.reaching import forget_expired
from polyphonie.cli.workspace import AsJson, Home, Workspace, progress, say
from polyphonie.labels import LabelStore, labels_path
from polyphonie.pseudonyms import epoch_of
from polyphonie.settings import CONFIGS, read_yaml

EXPIRED = "expired-at"  # file of a home: when retention was applied last


def measure_command(
    everything: Annotated[
        bool, typer.Option("--all", help="Count every day again, not only those still open.")
    ] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Count positions into tallies, then let raw data older than the retention go, and close the epochs that are over.

    On the way it notes where labelled posts stand, and whether what is read has changed: the pages show both.

    Example: polyphonie measure
    """
    with Workspace(home) as work:
        done = measure_all(work, everything)
        now = datetime.now(UTC)
        placed, changes = settle_labels(work, now), look_for_drift(work, now)
        gone = expire_old(work, now)
    moved = [each.shift.kind for each in changes]
    answer = {"positions": done.positions, "tallies": done.tallies, "labelled": placed, "moved": moved, **gone}
    say(
        answer,
        as_json,
        f"{done.positions:,} positions counted in {done.tallies:,} tallies; {gone['expired']:,} expired."
        + (f" What is read has changed ({', '.join(moved)}): intervals are wider." if moved else ""),
    )


def measure_all(work: Workspace, everything: bool = False) -> Measured:
    """Bring the tallies up to date."""
    privacy = work.settings.privacy
    with progress("measure", work.engine.count("positions")) as advance:
        return measure(
            work.engine,
            datetime.now(UTC),
            retention_days=privacy.retention_days,
            epoch_days=privacy.epoch_days,
            everything=everything,
            keep_sources=kept_sources(work),
            progress=advance,
        )


def settle_labels(work: Workspace, now: datetime) -> int:
    """Note where the drawn posts stand among what was just counted; returns how many do."""
    path = labels_path(work.settings.home)
    if not path.exists():
        return 0
    expired = (now - timedelta(days=work.settings.privacy.retention_days)).date()
    with LabelStore(path) as store:
        return settle_places(work.engine, store, expired, kept_sources(work))


def look_for_drift(work: Workspace, now: datetime) -> list[Seen]:
    """Compare the last days with those before, and keep what was found for the pages.

    Returns what has changed since the model's errors were measured, the largest change of each view.
    """
    until = now.date()
    shifts = read_shifts(work.engine, until)
    return keep_shifts(shifts_path(work.settings.home), until, shifts, evaluation()).bears_on()


def kept_sources(work: Workspace) -> tuple[str, ...]:
    """Official open consultations: their texts are public records and do not expire."""
    paths = (CONFIGS / "sources.yaml", work.settings.home / "sources.yaml")
    listed = [read_yaml(path).get("kept_for_ever") or () for path in paths if path.exists()]
    return tuple(dict.fromkeys(source for some in listed for source in some))


def expired_at(work: Workspace) -> datetime | None:
    """When retention was applied last."""
    mark = work.settings.home / EXPIRED
    return datetime.fromisoformat(mark.read_text()) if mark.exists() else None


def expire_old(work: Workspace, now: datetime) -> dict[str, int]:
    """Raw text goes at the end of its retention; the keys of past epochs go with the author tokens."""
    privacy = work.settings.privacy
    before = now - timedelta(days=privacy.retention_days)
    kept = kept_sources(work)
    closed = closed_tallies(work.engine, now, privacy.retention_days, privacy.epoch_days, kept)
    work.archive.keep_tallies(closed)
    gone = expire(work.engine, before, kept)
    work.archive.expire(before, kept)
    work.folds.forget_before(before.date())
    work.verdicts.forget_before(before.date())
    current = epoch_of(now, privacy.epoch_days)
    # What waits keeps its epoch open, but not for longer than raw text may be kept.
    dropped = work.spool.expire(epoch_of(before, privacy.epoch_days))
    waiting = work.spool.oldest_waiting_epoch()
    last = current if waiting is None else min(current, waiting)
    work.spool.close_epochs(last)
    work.spool.journal.forget_before(before, kept)
    forget_expired(work)
    tidy(work)
    (work.settings.home / EXPIRED).write_text(now.isoformat())
    return {"expired": sum(gone.values()), "dropped_waiting": dropped, "epochs_closed": len(work.keys.close(last))}
