"""`polyphonie sources` says what each source does and lacks; its exit code is what cron watches."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from typer.testing import CliRunner

from crawlers import sources as lists
from crawlers.sources import Source
from crawlers.spider import SourceSpider
from polyphonie.cli.app import app
from polyphonie.cli.sources import state_of
from polyphonie.cli.workspace import Workspace
from polyphonie.errors import PolyphonieError
from polyphonie.journal import Entry, Gap
from polyphonie.spool import Arrival, Refusal

NOW = datetime.now(UTC)


class Licensed(Source):
    needs_terms = True


class Open(SourceSpider):
    source_model = Licensed


@pytest.fixture
def home(tmp_path, monkeypatch):
    shipped = tmp_path / "configs"
    shipped.mkdir()
    monkeypatch.setattr(lists, "CONFIGS", shipped)
    monkeypatch.setattr(lists, "platforms", lambda: {"open": Open})
    read = date.today() - timedelta(days=170)
    (tmp_path / "sources.yaml").write_text(
        "sources:\n"
        f"  heard: {{platform: open, terms: {{terms_url: 'https://a.example/t', terms_checked_at: {read}, "
        "approved_by: legal-officer}}\n"
        "  silent: {platform: open}\n"
        "  idle: {platform: open, enabled: false}\n",
        encoding="utf-8",
    )
    return tmp_path


def ask(home, *words: str):
    ended = CliRunner().invoke(app, [*words, "--home", str(home)])
    if ended.exception and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended


def told(home, *words: str) -> dict:
    return json.loads(ask(home, "sources", *words, "--json").stdout)["sources"]


def hours(home, ago_h: range, **outcomes: int) -> None:
    written = [(NOW - timedelta(hours=ago)).replace(minute=0, second=0, microsecond=0).isoformat() for ago in ago_h]
    rows = [(at, outcome, number) for at in written for outcome, number in outcomes.items()]
    with Workspace(home) as work, work.spool._transaction() as sql:
        sql.executemany("INSERT INTO outcomes VALUES ('heard', ?, ?, ?)", rows)


def note(home, state: str, **known) -> None:
    with Workspace(home) as work:
        work.spool.journal.note("heard", "open", state, **known)


def test_what_was_never_crawled_is_shown_with_its_terms_and_alarms_nobody(home):
    ended = ask(home, "sources")
    assert ended.exit_code == 0
    found = told(home)
    assert {name: one["state"] for name, one in found.items()} == {"heard": "never", "silent": "never", "idle": "off"}
    assert found["heard"]["terms"]["days_left"] == 10
    assert found["heard"]["terms"]["approved_by"] == "legal-officer"
    assert "no terms record" in found["silent"]["terms"]["refusal"]
    assert "REFUSED" in ended.stdout
    assert "10 days left, legal-officer" in ended.stdout


def test_one_source_in_detail(home):
    note(home, "listening", last_heard=NOW, last_item=NOW, lag_s=4.2, rate=12.5, errors=0)
    with Workspace(home) as work, work.alone("crawl heard"):
        gap = Gap(NOW - timedelta(hours=2), NOW - timedelta(hours=1), "the cursor was too old")
        entry = Entry(name="heard", outcomes={"seen": 90, "kept": 3}, unknown={"field": 2}, gap=gap)
        work.spool.put(Arrival("crawl:heard", entry=entry))
        work.spool.journal.spend("heard", NOW.date(), 7)
        ended = ask(home, "sources", "heard")
        found = told(home, "heard")["heard"]
    assert ended.exit_code == 0
    assert (found["state"], found["lag_s"], found["rate"]) == ("listening", 4.2, 12.5)
    assert (found["requests_today"], found["budget_a_day"]) == (7, 20_000)
    assert found["last_day"] == found["last_week"] == {"kept": 3, "seen": 90}
    assert found["every_unknown_field"] == {"field": 2}
    assert found["gaps"] == 1
    assert found["every_gap"][0]["reason"] == found["last_gap"]["reason"] == "the cursor was too old"
    for said in ("heard", "listening", "12.5", "7 of 20,000", "the cursor was too old", "field, 2 times", "90 seen"):
        assert said in ended.stdout


def test_a_process_that_died_is_told_and_looking_does_not_take_its_place(home):
    note(home, "listening", last_heard=NOW)
    with Workspace(home) as work, work.alone("crawl heard"):
        assert told(home)["heard"]["state"] == "listening"
    ended = ask(home, "sources")
    assert ended.exit_code == 9
    assert "ALERT: heard: stopped" in ended.stdout
    assert told(home)["heard"]["state"] == "stopped"
    with Workspace(home) as work, work.alone("crawl heard"):
        pass


def test_a_source_that_falls_silent_or_breaks_its_format_raises_an_alert(home):
    note(home, "resting", last_heard=NOW)
    hours(home, range(7, 24 * 9), seen=100)
    [alert] = told(home)["heard"]["alerts"]
    assert (alert["kind"], alert["notice"]) == ("silence", False)
    assert "0 events in the last" in alert["evidence"]
    assert alert["p_value"] < 1e-6
    hours(home, range(1, 7), seen=100, refused=80)
    ended = ask(home, "sources")
    assert ended.exit_code == 9
    assert "ALERT: heard: format since" in ended.stdout
    assert "480 of 2,400 payloads could not be read in 24 hours (0.0% before)" in ended.stdout
    [alert] = json.loads(ask(home, "status", "--json").stdout)["source_alerts"]
    assert (alert["source"], alert["kind"]) == ("heard", "format")
    assert "polyphonie sources heard" in ask(home, "status").stdout


def test_rounds_that_fail_in_a_row_raise_an_alert_with_the_reason(home):
    with Workspace(home) as work:
        for _ in range(3):
            work.spool.journal.failed("heard", "open", "heard: no answer (Timeout)", None)
    ended = ask(home, "sources")
    assert ended.exit_code == 9
    assert "3 rounds failed in a row: heard: no answer (Timeout)" in ended.stdout


def test_who_does_not_listen_says_why_under_its_line(home):
    with Workspace(home) as work, work.alone("crawl heard"), work.alone("crawl silent"):
        work.spool.journal.note("heard", "open", "waiting", detail="the spool holds 9 waiting items")
        work.spool.journal.failed("silent", "open", "silent: no terms record", None)
        lines = ask(home, "sources").stdout.splitlines()
        work.spool.journal.note("silent", "open", "listening")
        again = ask(home, "sources").stdout
    after = {line.split()[0]: lines[number + 1] for number, line in enumerate(lines[:-1])}
    assert after["heard"] == "  the spool holds 9 waiting items"
    assert after["silent"] == "  silent: no terms record"
    assert "no terms record" not in again  # it listens


def test_what_a_crawl_could_not_read_is_listed_by_reason_and_never_said_to_be_tried_again(home):
    refused = [*(("an event", "text: missing") for _ in range(500)), ("page 3", "cut short")]
    with Workspace(home) as work:
        work.spool.put(
            Arrival(
                "crawl:heard",
                refusals=[Refusal("votes.csv, row 3", "file", "cut short")],
                entry=Entry(name="heard", refused=refused),
            )
        )
    found = json.loads(ask(home, "quarantine", "list", "--json").stdout)
    assert (found["total"], found["reasons"]) == (1, {"parse: cut short": 1})
    assert [(one["source"], one["number"], one["reason"]) for one in found["crawled"]] == [
        ("heard", 500, "text: missing"),
        ("heard", 1, "cut short"),
    ]
    said = ask(home, "quarantine", "list").stdout
    assert "501 payloads of crawls could not be read" in said
    assert "500  heard: text: missing (last: an event" in said
    assert "text: missing, 500 times" in ask(home, "sources", "heard").stdout
    assert json.loads(ask(home, "quarantine", "replay", "--json").stdout) == {
        "tried": 0,
        "released": 0,
        "crawled": 501,
    }
    assert "501 payloads of crawls cannot be tried again" in ask(home, "quarantine", "replay").stdout
    assert json.loads(ask(home, "quarantine", "list", "--json").stdout) == found


def test_an_unknown_source_is_an_error_and_a_forgotten_one_is_shown(home):
    with pytest.raises(PolyphonieError, match="no source is called 'herd'; known ones: heard, idle, silent"):
        ask(home, "sources", "herd")
    with Workspace(home) as work:
        work.spool.journal.note("former", "open", "listening")
    assert told(home)["former"]["state"] == "off"
    assert ask(home, "sources").exit_code == 0


LISTED, OFF = Source(name="a", platform="open"), Source(name="a", platform="open", enabled=False)


@pytest.mark.parametrize(
    ("source", "row", "alive", "state"),
    [
        (LISTED, None, False, "never"),
        (OFF, None, False, "off"),
        (None, {"state": "resting", "due": None}, False, "off"),
        (OFF, {"state": "listening", "due": None}, True, "listening"),  # asked for by its name
        (LISTED, {"state": "listening", "due": None}, True, "listening"),
        (LISTED, {"state": "listening", "due": None}, False, "stopped"),
        (LISTED, {"state": "waiting", "due": None}, False, "stopped"),
        (LISTED, {"state": "resting", "due": None}, False, "resting"),
        (LISTED, {"state": "resting", "due": "2026-11-20T00:00:00+00:00"}, True, "resting"),
        (LISTED, {"state": "resting", "due": "2026-11-20T00:00:00+00:00"}, False, "stopped"),
        (LISTED, {"state": "failing", "due": None}, False, "failing"),
    ],
)
def test_state(source, row, alive, state):
    assert state_of(source, row, alive) == state
