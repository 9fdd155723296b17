"""What a command opens: settings, keys, the spool, the border, the engine, the archive; and how it speaks."""

import fcntl
import json
import math
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from index.archive import Archive
from index.engine import Engine
from index.opening import open_engine
from nlp.catalogue import read_catalogue
from nlp.folding import FoldStore
from nlp.verdicts import VerdictStore
from polyphonie import settings as configuration
from polyphonie.errors import ConfigurationError, PolyphonieError
from polyphonie.intake import Border, aliases_of
from polyphonie.pseudonyms import Keyring, OptOuts
from polyphonie.records import Proposal
from polyphonie.settings import Settings
from polyphonie.spool import Spool

Home = Annotated[
    Path | None,
    typer.Option(
        "--home", help="Folder of everything that a run keeps [default: $POLYPHONIE_HOME]", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")]

SIMULATION_MARK = "simulated-world"  # says that a home holds nothing but a simulation, so it may be wiped

# Progress and words for people go to stderr, so that `--json` and lists can be piped.
console = Console(stderr=True, highlight=False)


class Busy(PolyphonieError):
    """Another process does what only one may do at a time."""

    exit_code = 7


class Workspace:
    """Opens what a command asks for, once, and closes it at the end."""

    def __init__(self, home: Path | None) -> None:
        self.settings: Settings = configuration.load(home)
        try:
            self.settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"{self.settings.home}: cannot be a home: {error.strerror}") from error

    def __enter__(self) -> "Workspace":
        return self

    def __exit__(self, *_: object) -> None:
        for name in ("spool", "engine", "folds", "verdicts"):
            if name in self.__dict__:
                getattr(self, name).close()

    @cached_property
    def keys(self) -> Keyring:
        return Keyring(self.settings.keys, self.settings.privacy.epoch_days)

    @cached_property
    def opt_outs(self) -> OptOuts:
        return OptOuts(self.settings.home / "opt-outs", self.keys)

    @cached_property
    def border(self) -> Border:
        return Border(self.keys, self.opt_outs, self.settings.privacy.public_figures, aliases_of(self.catalogue))

    @cached_property
    def catalogue(self) -> tuple[Proposal, ...]:
        """The proposals that are followed; those of consultations are known by their votes, not by matching."""
        return tuple(read_catalogue(self.settings.catalogue_path))

    @cached_property
    def spool(self) -> Spool:
        path = self.settings.spool_path
        try:
            return Spool(path, self.settings.spool.capacity)
        except sqlite3.DatabaseError as error:
            raise ConfigurationError(f"{path}: {error}; put it aside and import again: ids make it harmless") from error

    @cached_property
    def engine(self) -> Engine:
        return open_engine(self.settings)

    @cached_property
    def archive(self) -> Archive:
        return Archive(self.settings.archive_path)

    @cached_property
    def folds(self) -> FoldStore:
        return FoldStore(self.settings.home / "nlp" / "folds.sqlite")

    @cached_property
    def verdicts(self) -> VerdictStore:
        return VerdictStore(self.settings.home / "nlp" / "verdicts.sqlite")

    @contextmanager
    def alone(self, work: str) -> Iterator[None]:
        """Hold the lock of `work`; raises Busy when another process has it. A dead process holds nothing."""
        with (self.settings.home / f"{work.replace(' ', '-')}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Busy(f"another `polyphonie {work}` is at work in {self.settings.home}; wait for it") from error
            yield


@contextmanager
def progress(unit: str, total: int | None = None) -> Iterator[Any]:
    """A bar on stderr; gives a function that advances it by a number of units."""
    columns = (TextColumn("{task.description:<24}"), BarColumn(), TaskProgressColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(unit, total=total)
        yield lambda advance=1, **more: bar.update(task, advance=advance, **more)


def say(answer: dict[str, Any], as_json: bool, words: str) -> None:
    """End a command: one JSON object on stdout for a script, or words for a person."""
    if as_json:
        json.dump(_finite(answer), sys.stdout, ensure_ascii=False, default=str, allow_nan=False)
        sys.stdout.write("\n")
    else:
        typer.echo(words)


def _finite(value: Any) -> Any:
    """JSON has no NaN: what is unknown is null."""
    if isinstance(value, dict):
        return {key: _finite(found) for key, found in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(found) for found in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
