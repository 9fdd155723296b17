"""`polyphonie`: one command a step. An expected error is one line and an exit code; a bug keeps its traceback."""

import sys
from typing import Annotated

import typer

from polyphonie import __version__
from polyphonie.errors import PolyphonieError

app = typer.Typer(
    name="polyphonie",
    help="Social listening and ad-targeting analysis for French public debate, with honest intervals and no profiles.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich would take "[default: ...]" for its own markup and eat it
)


def _register() -> None:
    from polyphonie.cli import (
        crawl,
        dashboard,
        demo,
        enrich,
        erasing,
        evaluate,
        imports,
        indexing,
        labels,
        measure,
        quarantine,
        search,
        second,
        sources,
        status,
        train,
    )

    app.command("demo")(demo.demo_command)
    app.command("import")(imports.import_files)
    app.command("crawl")(crawl.crawl_command)
    app.command("sources")(sources.sources_command)
    app.command("enrich")(enrich.enrich_command)
    app.command("read")(second.read_command)
    app.command("measure")(measure.measure_command)
    app.command("search")(search.search_command)
    app.command("dashboard")(dashboard.dashboard_command)
    app.command("status")(status.status_command)
    app.command("forget")(erasing.forget_command)
    app.command("evaluate")(evaluate.evaluate_command)
    app.add_typer(quarantine.quarantine, name="quarantine")
    app.add_typer(indexing.index, name="index")
    app.add_typer(labels.labels, name="labels")
    app.add_typer(train.train, name="train")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Social listening and ad-targeting analysis for French public debate, with honest intervals and no profiles."""


def main() -> None:
    """Entry point: runs a command, turns an expected error into one line on stderr and its exit code."""
    try:
        app()
    except PolyphonieError as error:
        print(f"polyphonie: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


_register()

if __name__ == "__main__":
    main()
