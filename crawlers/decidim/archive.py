"""The open-data zip of a Decidim: held in a file without a name, read by the readers of `polyphonie import`."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from crawlers.decidim.payload import is_proposals
from crawlers.files import Reader, detect, read
from crawlers.heard import Heard, Refused, Watch
from polyphonie.errors import InputError
from polyphonie.native import NativePost, NativeProposal

LARGEST_BYTES = 200 * 1024 * 1024
BATCH = 400  # rows


@contextmanager
def held(content: bytes) -> Iterator[Reader]:
    """A zip as the readers of files want it. Raises InputError, which names no file.

    The file has no name, so that whatever ends this process leaves nothing of the names of people behind.
    """
    if not content.startswith(b"PK"):
        # A Decidim makes the zip when it is first asked for, and meanwhile shows a page.
        raise InputError("its open data is no zip; it may not be ready yet, ask again tomorrow")
    with TemporaryFile() as file:
        file.write(content)
        file.flush()
        path = Path(f"/dev/fd/{file.fileno()}")
        try:
            yield detect(path)
        except InputError as error:
            raise InputError(str(error).removeprefix(f"{path}: ")) from error


def batches(reader: Reader, cursor: Mapping[str, Any]) -> Iterator[Heard]:
    """The rows after `cursor`, each batch with the cursor that goes on after it."""
    rows = read(reader, dict(cursor))
    while some := list(islice(rows, BATCH)):
        natives = [native for row in some for native in row.natives]
        yield Heard(
            natives=natives,
            refused=[Refused(f"row {row.number}", row.reason) for row in some if row.outcome == "quarantined"],
            watches=[Watch(_ref(one.uri), one.uri) for one in natives if isinstance(one, NativePost | NativeProposal)],
            cursor=some[-1].cursor,
            seen=len(some),
        )


def missing(reader: Reader, refs: Iterable[str]) -> list[str]:
    """Those of the things that this zip does not hold which it would hold if they were still there: an export of
    comments that is switched off says nothing of the comments."""
    kinds = {"proposal" if is_proposals(list(table.columns)) else "comment" for table in reader.tables}
    return [ref for ref in refs if ref.partition(":")[0] in kinds]


def _ref(uri: str) -> str:
    return ":".join(uri.rsplit(":", 2)[1:])
