"""Reads exports: tells what a file is, and gives its rows one by one with the place to go on from."""

import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from crawlers.capcollectif import parse as capcollectif_parse
from crawlers.capcollectif import payload as capcollectif
from crawlers.decidim import parse as decidim_parse
from crawlers.decidim import payload as decidim
from crawlers.generic import mapping as mappings
from crawlers.generic import parse as generic_parse
from crawlers.generic import payload as generic
from crawlers.rows import Cells, Line, csv_rows, json_lines
from polyphonie.errors import InputError, PayloadError
from polyphonie.native import Native

Outcome = Literal["imported", "repaired", "quarantined"]
Format = Literal["capcollectif", "decidim", "generic"]
SAMPLE_BYTES = 1 << 16  # of a header
CHUNK_BYTES = 1 << 16
SAMPLE_LINES = 100  # of JSONL, in which a column of the mapping must be seen
# A row of Cap Collectif begins with its type, then a proposal's identifier or the empty cells of the other types.
_CAPCOLLECTIF_BEGINS = re.compile(rb"^[A-Za-z]{4,20}(?:([;,\t])\1\1|[;,\t][0-9a-f]{8}-[0-9a-f]{4}-)")


@dataclass(frozen=True)
class Row:
    """One logical row and what became of it. `number` counts from 1, headers left out; `cursor` resumes after it."""

    number: int
    natives: tuple[Native, ...]
    outcome: Outcome
    reason: str
    cursor: dict[str, Any]


@dataclass(frozen=True)
class Table:
    """One stream of rows: the file, or a member of its zip."""

    member: str
    columns: tuple[str, ...]  # header of CSV; empty for JSONL
    first: int  # byte where the first row begins
    delimiter: str = ","


@dataclass(frozen=True)
class Reader:
    """What a file turned out to be. `size`: its bytes; `fingerprint`: hash of all of them, so it tells two files of one
    name from each other, and a corrected file from the one it was."""

    path: Path
    format: Format
    tables: tuple[Table, ...]
    size: int
    fingerprint: str
    mapping: mappings.Mapping | None = field(default=None, repr=False)


def detect(path: Path, mapping: Path | None = None) -> Reader:
    """What `path` is, from its content; with a mapping, what the mapping says.

    Raises InputError (no such file, empty, damaged, unknown: says how to write a mapping) or ConfigurationError.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: a folder; give the files inside it")
    with _reading(path):
        size = path.stat().st_size
        if size == 0:
            raise InputError(f"{path}: empty file")
        with path.open("rb") as file:
            head = file.read(4)
        described = mappings.load(mapping) if mapping else None
        if head.startswith(b"PK"):
            kind, tables = "decidim", _decidim_members(path)
        else:
            if head.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise InputError(f"{path}: encoded in UTF-16; save it again as UTF-8")
            kind, tables = _single(path, described)
        return Reader(path, cast(Format, kind), tables, size, _fingerprint(path), described)


def read(export: Path | Reader, cursor: dict[str, Any] | None = None, mapping: Path | None = None) -> Iterator[Row]:
    """Rows of a file, in its order, in flat memory; after `cursor`'s row if the file is still the one it was.

    export: the file, or what `detect` said of it, which spares hashing it again (then `mapping` is already in it).
    Raises what `detect` raises, and InputError in a damaged zip.
    """
    reader = export if isinstance(export, Reader) else detect(export, mapping)
    here = cursor if cursor and cursor.get("file") == reader.fingerprint else {"table": 0, "number": 0}
    number = int(here["number"])
    with _reading(reader.path):
        for place in range(int(here["table"]), len(reader.tables)):
            table = reader.tables[place]
            offset = int(here.get("offset", table.first)) if place == here["table"] else table.first
            for raw in _raw_rows(reader, table, offset):
                number += 1
                offset += raw.size
                after = {"file": reader.fingerprint, "table": place, "number": number, "offset": offset}
                yield _understood(reader, table, raw, number, after)


def reread(path: Path, number: int, mapping: Path | None = None) -> Row:
    """Row `number` again, for a replay of what was quarantined. Raises InputError if the file has no such row."""
    row = next(islice(read(path, None, mapping), number - 1, None), None) if number > 0 else None
    if row is None:
        raise InputError(f"{path}: no row {number}")
    return row


def _understood(reader: Reader, table: Table, raw: Cells | Line, number: int, cursor: dict[str, Any]) -> Row:
    try:
        natives, repairs = _understand(reader, table, raw)
    except PayloadError as error:
        return Row(number, (), "quarantined", str(error), cursor)
    return Row(number, natives, "repaired" if repairs else "imported", ", ".join(repairs), cursor)


def _understand(reader: Reader, table: Table, raw: Cells | Line) -> tuple[tuple[Native, ...], tuple[str, ...]]:
    """Native records of a row, and what was repaired. Raises PayloadError."""
    damage = (raw.damage,) if raw.damage else ()
    row = _columns(table, raw, may_be_cut=reader.format == "capcollectif") if isinstance(raw, Cells) else raw.value
    if isinstance(raw, Line) and not row:
        raise PayloadError(raw.damage or "an empty object")
    match reader.format:
        case "capcollectif":
            contribution = capcollectif.read(row)
            return tuple(capcollectif_parse.parse(contribution)), (*damage, *contribution.repairs)
        case "decidim":
            return tuple(decidim_parse.parse(decidim.read(row))), damage
        case "generic":
            assert reader.mapping is not None
            return tuple(generic_parse.parse(generic.read(row, reader.mapping))), damage


def _columns(table: Table, cells: Cells, *, may_be_cut: bool) -> Mapping[str, Any]:
    if cells.lost:
        raise PayloadError(cells.damage)
    if len(cells.values) > len(table.columns):
        raise PayloadError("more cells than columns")
    if len(cells.values) < len(table.columns) and not may_be_cut:
        raise PayloadError("cut short")
    return dict(zip(table.columns, cells.values, strict=False))


def _raw_rows(reader: Reader, table: Table, offset: int) -> Iterator[Cells | Line]:
    encoding = reader.mapping.encoding if reader.mapping else "utf-8"
    with _open(reader.path, table.member) as stream:
        stream.seek(offset)
        if table.columns:
            begins = _CAPCOLLECTIF_BEGINS if reader.format == "capcollectif" else None
            yield from csv_rows(stream, table.delimiter, begins, encoding)
        else:
            yield from json_lines(stream, encoding)


def _single(path: Path, mapping: mappings.Mapping | None) -> tuple[Format, tuple[Table, ...]]:
    if mapping:
        if _is_jsonl(path, mapping):
            _check_json_columns(path, mapping)
            return "generic", (Table("", (), 0),)
        table = _table(path, "", mapping.delimiter, mapping.encoding)
        _check_columns(path, mapping, table.columns)
        return "generic", (table,)
    table = _table(path, "")
    if table.columns[:2] == ("type", "contributions_id"):
        return "capcollectif", (table,)
    if _is_decidim(table):
        return "decidim", (table,)
    seen = "lines of JSON" if path.suffix in {".jsonl", ".ndjson", ".json"} else f"columns: {_listed(table.columns)}"
    raise InputError(
        f"{path}: neither a Cap Collectif export nor Decidim open data ({seen}); write a mapping of its columns "
        "(configs/mappings/ has examples, crawlers/generic/README.md every key) and give it with --mapping"
    )


def _decidim_members(path: Path) -> tuple[Table, ...]:
    with zipfile.ZipFile(path) as archive:
        if "xl/workbook.xml" in archive.namelist():
            raise InputError(f"{path}: a spreadsheet; save it as CSV")
        members = [info for info in archive.infolist() if info.filename.endswith(".csv") and info.file_size]
    if any(info.flag_bits & 1 for info in members):
        raise InputError(f"{path}: a zip with a password; unzip it first")
    names = [info.filename for info in members]
    tables = [table for table in (_table(path, name) for name in names) if _is_decidim(table)]
    if not tables:
        raise InputError(f"{path}: a zip without proposals or comments of Decidim; unzip it and give its files")
    # Proposals first: a reader of the import sees what the comments are about.
    return tuple(sorted(tables, key=lambda table: (not decidim.is_proposals(list(table.columns)), table.member)))


def _is_decidim(table: Table) -> bool:
    columns = list(table.columns)
    return decidim.is_proposals(columns) or decidim.is_comments(columns)


def _table(path: Path, member: str, delimiter: str | None = None, encoding: str = "utf-8") -> Table:
    """The header of a CSV stream; its delimiter is the commonest of the header, where none is given."""
    with _open(path, member) as stream:
        chosen = delimiter or max(";,\t", key=stream.readline(SAMPLE_BYTES).decode("utf-8", "replace").count)
        stream.seek(0)
        header = next(csv_rows(stream, chosen, encoding=encoding), None)
    if header is None:
        return Table(member, (), 0, chosen)
    names = [name.strip() for name in header.values]
    names[0] = names[0].removeprefix("\ufeff").removeprefix("ï»¿").strip('"')
    return Table(member, tuple(names), header.size, chosen)


def _is_jsonl(path: Path, mapping: mappings.Mapping) -> bool:
    if mapping.format:
        return mapping.format == "jsonl"
    with path.open("rb") as file:
        return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def _check_columns(path: Path, mapping: mappings.Mapping, columns: tuple[str, ...]) -> None:
    missing = [column for column in mapping.columns() if column not in columns]
    if missing:
        raise InputError(f"{path}: no column {_listed(missing)}; the mapping names it, the file has {_listed(columns)}")


def _check_json_columns(path: Path, mapping: mappings.Mapping) -> None:
    # JSON leaves out what is empty, so a column is missing only if no line of the first hundred has it.
    with path.open("rb") as stream:
        rows = [line.value for line in islice(json_lines(stream, mapping.encoding), SAMPLE_LINES) if line.value]
    missing = [column for column in mapping.columns() if all(generic.value(row, column) is None for row in rows)]
    if rows and missing:
        present = tuple(dict.fromkeys(column for row in rows for column in row))
        raise InputError(f"{path}: no column {_listed(missing)}; the mapping names it, the file has {_listed(present)}")


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "") or "none"


def _fingerprint(path: Path) -> str:
    # Whole: a correction in the middle of a file changes neither its size nor its ends.
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _open(path: Path, member: str) -> Iterator[BinaryIO]:
    if not member:
        with path.open("rb") as file:
            yield file
    else:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            yield cast(BinaryIO, stream)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{path}: a damaged zip; download it again") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
