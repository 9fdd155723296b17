"""`polyphonie index`: remake the index from the archive, or say what it holds."""

import typer

from index import documents
from index.rebuild import rebuild
from nlp.topics import Topics
from polyphonie.cli.measure import measure_all
from polyphonie.cli.workspace import AsJson, Home, Workspace, progress, say

index = typer.Typer(help="The index: remake it from the archive, or say what it holds.", no_args_is_help=True)


@index.command("rebuild")
def rebuild_command(as_json: AsJson = False, home: Home = None) -> None:
    """Remake the index from the raw archive: after a change of engine or schema, or a lost disk.

    Example: POLYPHONIE_ENGINE=elasticsearch polyphonie index rebuild
    """
    with Workspace(home) as work, work.alone("enrich"):
        with progress("rebuild") as advance:
            counts: dict[str, int] = dict(
                rebuild(work.engine, work.archive, progress=lambda done: advance(0, completed=done)).items()
            )
        measure_all(work, everything=True)
        known = Topics.load(work.settings.home / "nlp" / "topics").describe()
        work.engine.write("topics", map(documents.topic_document, known))
    say({**counts}, as_json, " · ".join(f"{number:,} {name}" for name, number in counts.items()))


@index.command("stats")
def stats_command(as_json: AsJson = False, home: Home = None) -> None:
    """Documents and bytes of each collection.

    Example: polyphonie index stats --json
    """
    with Workspace(home) as work:
        stats = work.engine.stats()
    lines = [
        f"{name:<10} {it['documents']:>12,} documents {it['bytes']:>15,} bytes"
        for name, it in stats["collections"].items()
    ]
    say(stats, as_json, "\n".join([f"engine {stats['engine']}, schema {stats['schema']}", *lines]))
