"""Logical rows of CSV and JSONL streams of any size: one damaged row never swallows those that follow it."""

import csv
import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

TOO_LONG = "a row longer than a mebibyte"
ROW_BYTES = 1 << 20  # longer, a quote was left open; no consultation has a text of a mebibyte
csv.field_size_limit(ROW_BYTES)


@dataclass(frozen=True)
class Cells:
    """One logical row of CSV. `size`: bytes it takes in the stream. `damage`: what had to be guessed to read it;
    `lost`: part of it could not be read at all."""

    values: list[str] = field(repr=False)
    size: int
    damage: str = ""
    lost: bool = False


@dataclass(frozen=True)
class Line:
    """One line of JSONL: an object, or what is wrong with it."""

    value: dict[str, Any] = field(repr=False)
    size: int
    damage: str = ""


def csv_rows(
    stream: BinaryIO, delimiter: str, begins: re.Pattern[bytes] | None = None, encoding: str = "utf-8"
) -> Iterator[Cells]:
    """Rows of `stream` from where it stands; blank lines are passed over, their bytes counted in the next row.

    begins: what the first line of a row looks like, where the format tells; a line like that ends a quote left open.
    A row whose quotes are wrong is read from its first line alone, and reading goes on at the next line that may begin
    a row. Bytes that are not `encoding` are read as Windows-1252, which the damage says.
    """
    lines = _Lines(stream, begins, encoding)
    while True:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            for values in reader:
                if not values:
                    lines.taken.clear()
                    continue
                yield Cells(values, lines.size, lines.recoded)
                lines.forget()
            return
        except (csv.Error, _RowEnds) as error:
            first, lost = lines.recover()
            broken = TOO_LONG if error.args[0] == TOO_LONG else "quotes that do not match"
            yield Cells(_lenient(first, delimiter), lines.size, broken, lost)
            lines.forget()


def json_lines(stream: BinaryIO, encoding: str = "utf-8") -> Iterator[Line]:
    """Objects of `stream`, one a line, from where it stands; blank lines are counted in the next one."""
    size = 0
    while line := stream.readline(ROW_BYTES):
        size += len(line)
        if len(line) == ROW_BYTES and not line.endswith(b"\n"):
            while (rest := stream.readline(ROW_BYTES)) and not rest.endswith(b"\n"):
                size += len(rest)
            yield Line({}, size + len(rest), TOO_LONG)
        elif not line.strip():
            continue
        else:
            text, recoded = _decode(line, encoding)
            yield _object(text, size, recoded)
        size = 0


def _object(text: str, size: int, recoded: str) -> Line:
    try:
        value = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return Line({}, size, "not JSON")
    return Line(value, size, recoded) if isinstance(value, dict) else Line({}, size, "not a JSON object")


class _RowEnds(Exception):
    """The row that was being read cannot go on to the next line."""


class _Lines:
    """Lines of a stream that can be given back, so that a row that went wrong is read again another way."""

    def __init__(self, stream: BinaryIO, begins: re.Pattern[bytes] | None, encoding: str) -> None:
        self.stream, self.begins, self.encoding = stream, begins, encoding
        self.returned: deque[bytes] = deque()
        self.taken: list[bytes] = []
        self.size = 0
        self.recoded = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._next()
        if not line:
            raise StopIteration
        if self.taken and ((self.begins and self.begins.match(line)) or self.size + len(line) > ROW_BYTES):
            self.returned.appendleft(line)
            raise _RowEnds("another row begins")
        self.taken.append(line)
        self.size += len(line)
        if len(line) == ROW_BYTES and not line.endswith(b"\n"):
            raise _RowEnds(TOO_LONG)
        text, recoded = _decode(line, self.encoding)
        self.recoded = self.recoded or recoded
        return text

    def recover(self) -> tuple[str, bool]:
        """First line of the row that went wrong, and whether more of it was lost; the other lines are given back."""
        first, *others = self.taken
        self.returned.extendleft(reversed(others))
        self.size -= sum(map(len, others))
        lost = self._drop(until_line_end=True) if len(first) == ROW_BYTES else False
        if self.begins:
            lost = self._drop(until_line_end=False) or lost
        return _decode(first, self.encoding)[0], lost

    def _drop(self, *, until_line_end: bool) -> bool:
        # Counted, not kept: what is dropped may be the rest of a file of gigabytes.
        dropped = False
        while line := self._next():
            if not until_line_end and self.begins and self.begins.match(line):
                self.returned.appendleft(line)
                break
            self.size += len(line)
            dropped = dropped or bool(line.strip())
            if until_line_end and line.endswith(b"\n"):
                break
        return dropped

    def forget(self) -> None:
        self.taken.clear()
        self.size, self.recoded = 0, ""

    def _next(self) -> bytes:
        return self.returned.popleft() if self.returned else self.stream.readline(ROW_BYTES)


def _decode(line: bytes, encoding: str) -> tuple[str, str]:
    try:
        return line.decode(encoding), ""
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace"), f"not {encoding}, read as Windows-1252"


def _lenient(line: str, delimiter: str) -> list[str]:
    text = line.strip("\r\n").replace("\r", " ").replace("\n", " ")
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return text.split(delimiter)
