"""Every command says what it does, with an example; an expected error is one line and its own exit code."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import typer

from polyphonie.cli.app import app

ROOT = typer.main.get_command(app)


def commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if hasattr(group, "commands"):
        return [found for name, command in group.commands.items() for found in commands(command, (*path, name))]
    return [(path, group)]


@pytest.mark.parametrize(
    ("path", "command"), commands(ROOT), ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_help_has_an_example_and_describes_each_option(path, command):
    assert "Example: " in (command.help or "")
    assert " ".join(path) in (command.help or "")
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{' '.join(path)}: {parameter.name} has no help"


def run(*words: str, home, **environment):
    return subprocess.run(
        [sys.executable, "-m", "polyphonie.cli.app", *words],
        env=os.environ | {"POLYPHONIE_HOME": str(home), "HF_HUB_OFFLINE": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "settings", "code", "message"),
    [
        (["status"], "engin: embedded", 2, "unknown key 'engin'; did you mean 'engine'?"),
        (["status"], "privacy: {k: 3}", 2, "privacy.k"),
        (["status"], "privacy: [", 2, "cannot be read as YAML"),
        (["import", "absent.csv"], "", 3, "absent.csv: no such file"),
        (["search", "(cantine"], "", 2, ""),
        (["evaluate", "--on", "absent.jsonl"], "", 3, "absent.jsonl"),
        (["status"], "engine: elasticsearch\nelasticsearch: {url: 'http://127.0.0.1:9'}", 4, "http://127.0.0.1:9"),
    ],
)
def test_an_expected_error_is_one_line_and_a_code(tmp_path, words, settings, code, message):
    (tmp_path / "settings.yaml").write_text(settings)
    ended = run(*words, home=tmp_path)
    assert ended.returncode == code, ended.stderr
    assert ended.stderr.startswith("polyphonie: ")
    assert len(ended.stderr.strip().splitlines()) == 1
    assert message in ended.stderr


def test_an_unknown_variable_is_said(tmp_path):
    ended = run("status", home=tmp_path, POLYPHONIE_ENGIN="embedded")
    assert ended.returncode == 2
    assert "POLYPHONIE_ENGIN" in ended.stderr


def test_status_of_an_empty_home_is_zero_and_machine_readable(tmp_path):
    answer = json.loads(run("status", "--json", home=tmp_path).stdout)
    assert answer["spool"] == {"todo": 0, "doing": 0, "done": 0, "quarantine": 0}
    assert answer["index"]["positions"] == 0


def test_the_home_that_is_asked_for_wins_over_the_variable(tmp_path):
    asked = tmp_path / "asked"
    answer = json.loads(run("status", "--home", str(asked), "--json", home=tmp_path / "variable").stdout)
    assert answer["home"] == str(asked)
    assert not (tmp_path / "variable").exists()
