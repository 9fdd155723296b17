"""Documentation is true: every setting, command, record field and measure is in it."""

import inspect
from pathlib import Path

import pytest
import typer

from polyphonie import records
from polyphonie.cli.app import app
from polyphonie.settings import Settings, known_keys

DOCS = Path(__file__).parent.parent / "docs"
OPERATIONS = (DOCS / "operations.md").read_text(encoding="utf-8")
METHODS = (DOCS / "methods.md").read_text(encoding="utf-8")
README = (DOCS.parent / "README.md").read_text(encoding="utf-8")


def leaves() -> list[str]:
    keys = [key for key in known_keys() if key != "home"]
    return [key for key in keys if not any(other.startswith(key + ".") for other in keys)]


@pytest.mark.parametrize("key", leaves())
def test_every_setting_is_documented_with_its_default(key):
    [line] = [line for line in OPERATIONS.splitlines() if f"`{key}`" in line.split("|")[1:2].__str__()]
    default = Settings.model_fields
    section, _, name = key.rpartition(".")
    field = (default[section].annotation.model_fields if section else default)[name]
    if field.default not in (None, ()):
        shown = str(field.default).lower() if isinstance(field.default, bool) else f"{field.default}".removesuffix(".0")
        assert shown in line


@pytest.mark.parametrize("command", sorted(typer.main.get_command(app).commands))
def test_every_command_is_in_the_readme(command):
    assert f"polyphonie {command}" in README


@pytest.mark.parametrize(
    "record",
    [found for _, found in inspect.getmembers(records, inspect.isclass) if issubclass(found, records.Record)],
    ids=lambda record: record.__name__,
)
def test_every_record_says_what_it_is(record):
    assert record.__doc__
    assert record.__doc__ != (records.Record.__doc__ if record is not records.Record else "")


@pytest.mark.parametrize("measure", ["popularity", "tallies", "disclosure"])
def test_every_measure_is_in_the_methods(measure):
    assert f"measures/{measure}.py" in METHODS
