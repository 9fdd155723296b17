"""Files that leave: read back by a program, with their notice inside."""

import csv
import io
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from PIL import Image

from dashboard import charts
from dashboard.exports import csv_bytes, png_bytes
from dashboard.palette import LIGHT
from dashboard.provenance import NOTICE, Provenance

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
REAL = Provenance(
    ("consultation-exemple",), date(2026, 3, 1), date(2026, 3, 9), 1234, 2345, NOW - timedelta(hours=2), "m 1"
)
SIMULATED = Provenance(("simulated-mastodon",), date(2026, 3, 1), date(2026, 3, 9), 12, 20)


def table(content):
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))
    facts = [row[0] for row in rows if row[0].startswith("# ")]
    return facts, rows[len(facts) :]


def test_a_csv_reads_back_with_french_decimals_and_masks():
    rows = [["Loyers ; « été »", 61.5, 1234, None], ["Place", "moins de 11 voix", "moins de 11 voix", float("nan")]]
    facts, (header, *read) = table(csv_bytes(["proposition", "%", "voix", "x"], rows, REAL, NOW))
    assert header == ["proposition", "%", "voix", "x"]
    assert read == [["Loyers ; « été »", "61,5", "1234", ""], ["Place", "moins de 11 voix", "moins de 11 voix", ""]]
    assert facts == [
        f"# {NOTICE}",
        "# Sources\u00a0: consultation-exemple",
        "# Période\u00a0: du 1er au 9 mars 2026",
        "# 1\u202f234\u00a0voix et 2\u202f345\u00a0messages",
        "# Dernier élément reçu il y a 2\u00a0h",
        "# Modèle\u00a0: m 1",
    ]


def test_simulated_data_say_so():
    facts, _ = table(csv_bytes(["a"], [], SIMULATED, NOW))
    assert "# Données simulées." in facts


@pytest.mark.parametrize("text", ["=1+1", "+33", "-2", "@cmd", "\tx"])
def test_a_text_is_never_a_formula(text):
    _, (_, row) = table(csv_bytes(["a"], [[text]], REAL, NOW))
    assert row == [f"'{text}"]


@pytest.mark.parametrize("count", [1, 7])
def test_a_png_holds_the_charts_and_the_facts(count):
    day = date(2026, 3, 1)
    points = tuple(
        charts.Point(day + timedelta(days=n), day + timedelta(days=n + 1), 0.5 + n / 50, 0.4, 0.7, 30) for n in range(6)
    )
    lines = [charts.Line(f"Proposition {n}", "#0072b2", points) for n in range(count)]
    if count == 1:
        drawn = [charts.curves(lines, LIGHT, simulated=True, width=900)]
    else:
        drawn = charts.multiples(lines, LIGHT, simulated=True, width=260)
    with_facts = Image.open(io.BytesIO(png_bytes(drawn, "Part favorable", SIMULATED, NOW)))
    assert with_facts.format == "PNG"
    assert with_facts.width > 1_600  # twice as fine as the screen
    pixels = np.asarray(with_facts.convert("L"), dtype=float)
    assert pixels.std() > 5  # not blank
    # The facts are the last lines of the picture: something is written there.
    assert (pixels[-int(pixels.shape[0] * 0.12) :] < 200).sum() > 500
