"""Logical rows: whatever one row suffers, the others are read."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.rows import ROW_BYTES, csv_rows, json_lines

BEGINS = re.compile(rb"row;")
# Texts that need every kind of quoting, but never look like the beginning of a row.
texts = st.text(st.sampled_from("aé ;\"\n\r,'"), max_size=20)


def written(rows, delimiter=";"):
    """Bytes of each row, as a spreadsheet writes it."""
    for row in rows:
        line = io.StringIO(newline="")
        csv.writer(line, delimiter=delimiter).writerow(row)
        yield line.getvalue().encode()


def read(content, begins=BEGINS, encoding="utf-8"):
    return list(csv_rows(io.BytesIO(content), ";", begins, encoding))


@given(st.lists(st.tuples(st.just("row"), texts, texts), max_size=8), st.booleans())
def test_whole_rows_come_back_as_they_were_with_their_bytes(rows, known):
    lines = list(written(rows))
    found = read(b"".join(lines), BEGINS if known else None)
    assert [row.values for row in found] == [list(row) for row in rows]
    assert [row.size for row in found] == list(map(len, lines))
    assert not any(row.damage for row in found)


@given(st.lists(st.tuples(st.just("row"), texts, texts), min_size=2, max_size=6), st.data())
def test_a_truncated_row_never_loses_the_others(rows, data):
    lines = list(written(rows))
    hurt = data.draw(st.integers(0, len(lines) - 1))
    kept = data.draw(st.integers(4, len(lines[hurt])))
    cut = lines[hurt][:kept].rstrip(b"\r\n") + b"\r\n"
    found = [row.values for row in read(b"".join([*lines[:hurt], cut, *lines[hurt + 1 :]])) if row.values != [""]]
    assert found[:hurt] == [list(row) for row in rows[:hurt]]
    others = rows[hurt + 1 :]
    assert found[len(found) - len(others) :] == [list(row) for row in others]


@given(st.lists(st.tuples(st.just("row"), texts, texts), min_size=1, max_size=6), st.data())
def test_sizes_add_up_to_the_stream_whatever_happens_to_it(rows, data):
    content = bytearray(b"".join(written(rows)))
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + 1] = data.draw(st.sampled_from([b"", b'"', b"\n", b";", b"\xff"]))
        if not content:
            return
    content += b"\nrow;fin;fin\r\n"
    found = read(bytes(content))
    assert sum(row.size for row in found) == len(content)
    assert found[-1].values[-1] == "fin"


@given(st.lists(st.tuples(st.just("row"), texts, texts), min_size=1, max_size=6), st.booleans())
def test_reading_goes_on_from_the_size_of_what_was_read(rows, known):
    content, begins = b"".join(written(rows)), BEGINS if known else None
    found = read(content, begins)
    for place in range(len(found)):
        rest = content[sum(row.size for row in found[: place + 1]) :]
        assert read(rest, begins) == found[place + 1 :]


def test_an_open_quote_ends_at_the_next_row_and_says_what_it_lost():
    rows = read(b'row;a;"jamais\r\nla suite\r\nrow;b;c\r\nrow;d;"e"\r\n')
    assert [row.values for row in rows] == [["row", "a", "jamais"], ["row", "b", "c"], ["row", "d", "e"]]
    assert [row.lost for row in rows] == [True, False, False]
    assert rows[0].damage == "quotes that do not match"


def test_an_open_quote_ends_at_the_next_line_where_rows_cannot_be_told():
    rows = read(b'1;a;"jamais\n2;b;c\n3;d;"e"\n', begins=None)
    assert [row.values for row in rows] == [["1", "a", "jamais"], ["2", "b", "c"], ["3", "d", "e"]]


def test_an_open_quote_does_not_swallow_a_large_file():
    tail = b"2;b;c\n" * (ROW_BYTES // 3)
    rows = read(b'1;a;"jamais\n' + tail, begins=None)
    assert rows[0].damage
    assert len(rows) == 1 + ROW_BYTES // 3


def test_a_line_without_end_is_one_lost_row():
    rows = read(b"row;" + b"x" * (3 * ROW_BYTES) + b"\nrow;b;c\n")
    assert rows[0].lost
    assert rows[-1].values == ["row", "b", "c"]


def test_a_stray_quote_is_read_and_said():
    (row,) = read(b'row;"a"b;c\r\n')
    assert (row.values, row.lost) == (["row", "ab", "c"], False)
    assert row.damage == "quotes that do not match"


@pytest.mark.parametrize(
    ("content", "value", "damage"),
    [
        ("row;été\n".encode(), "été", ""),
        ("row;été\n".encode("cp1252"), "été", "not utf-8, read as Windows-1252"),
        (b"row;\x81\n", "\ufffd", "not utf-8, read as Windows-1252"),
    ],
)
def test_encodings(content, value, damage):
    (row,) = read(content)
    assert (row.values[1], row.damage) == (value, damage)


def test_json_lines():
    content = b'\xef\xbb\xbf{"a": 1}\n\n{"a": \n[1]\n{"b": 2}'
    rows = list(json_lines(io.BytesIO(content)))
    assert [(row.value, row.damage) for row in rows] == [
        ({"a": 1}, ""), ({}, "not JSON"), ({}, "not a JSON object"), ({"b": 2}, ""),
    ]  # fmt: skip
    assert sum(row.size for row in rows) == len(content)


def test_a_huge_line_of_json_is_passed_over():
    content = b'{"a": "' + b"x" * (2 * ROW_BYTES) + b'"}\n{"b": 2}\n'
    rows = list(json_lines(io.BytesIO(content)))
    assert [row.value for row in rows] == [{}, {"b": 2}]
    assert sum(row.size for row in rows) == len(content)
