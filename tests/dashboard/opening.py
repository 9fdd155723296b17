"""Opens a page of the dashboard by Streamlit's own tester, and reads what it shows."""

from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"


def opened(page: str = "overview", **parameters: str) -> AppTest:
    """The page at an address; it raised nothing that a visitor would see as a crash."""
    app = AppTest.from_file(str(APP), default_timeout=60)
    if page != "overview":
        app.run()
        app.switch_page(f"pages_/{page}.py")
    for name, value in parameters.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def told(app: Any) -> str:
    """All the HTML of a page but its style and script."""
    bodies = [element.proto.body for element in app.get("html")]
    return "\n".join(body for body in bodies if not body.startswith(("<style", "<script"))).replace("&#x27;", "'")
