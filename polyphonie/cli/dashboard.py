"""`polyphonie dashboard`: the pages, on this machine only."""

import os
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from dashboard.launch import command
from polyphonie import settings as configuration
from polyphonie.cli.workspace import Home, console


def dashboard_command(
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port on 127.0.0.1 [default: settings]")] = None,
    home: Home = None,
) -> None:
    """Open the dashboard on http://127.0.0.1:8501 and serve it until Ctrl-C.

    Example: polyphonie dashboard --port 8600
    """
    raise typer.Exit(serve(home, port))


def serve(home: Path | None, port: int | None) -> int:
    """Run Streamlit on 127.0.0.1 until it is stopped; returns its exit code."""
    settings = configuration.load(home)
    chosen = port or settings.dashboard.port
    console.print(f"Dashboard: http://127.0.0.1:{chosen}  (Ctrl-C ends it)")
    environment = os.environ | {"POLYPHONIE_HOME": str(settings.home)}
    try:
        return subprocess.run(command(chosen), env=environment, check=False).returncode  # noqa: S603 (our own command)
    except KeyboardInterrupt:
        return 0
