"""A line of progress for each source that is listened to."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.progress import Progress, SpinnerColumn, TextColumn

from polyphonie.cli.workspace import console

SHOWN = ("seen", "kept", "dropped", "gone", "refused")


@contextmanager
def board(names: Iterable[str]) -> Iterator[Callable[[str, Counter[str]], None]]:
    """Show the lines; gives what brings one up to date with the outcomes of its source."""
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=console) as shown:
        lines = {name: shown.add_task(name, total=None) for name in names}
        yield lambda name, counts: shown.update(lines[name], description=told(name, counts))


def told(name: str, counts: Counter[str]) -> str:
    """What a source came to, in one line."""
    return f"{name:<24} " + " · ".join(f"{counts[outcome]:,} {outcome}" for outcome in SHOWN)
