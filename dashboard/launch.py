"""How the command line starts the dashboard."""

import sys
from pathlib import Path

APP = Path(__file__).with_name("app.py")


def command(port: int) -> list[str]:
    """The command that serves the dashboard on 127.0.0.1; POLYPHONIE_HOME in its environment says which home."""
    # Said here as well as in .streamlit/config.toml: a user's own configuration must not open the port to a network.
    options = {
        "server.port": str(port),
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "browser.gatherUsageStats": "false",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *flags]
