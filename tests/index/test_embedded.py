"""What only the embedded engine must survive: failures and kills in the middle of a write."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.archive import Archive
from index.embedded import EmbeddedEngine
from index.engine import Document, Where
from index.rebuild import rebuild
from index.schema import VERSIONS
from polyphonie.errors import ConfigurationError

BATCH = 20


def test_a_write_that_fails_half_way_writes_nothing(tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path)
    engine.write("posts", [{"id": "avant"}])

    def failing() -> Iterator[Document]:
        yield {"id": "avant", "text": "remplacé"}
        yield {"id": "pendant"}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        engine.write("posts", failing())
    assert list(engine.scan("posts")) == [{"id": "avant"}]
    assert engine.write("posts", [{"id": "après"}]).count == 1
    assert engine.count("posts") == 2


WRITER = """
import sys
from pathlib import Path
from index.archive import Archive
from index.embedded import EmbeddedEngine
engine = EmbeddedEngine(Path(sys.argv[1]))
for batch in range(10**6):
    engine.write("posts", [{"id": f"{batch}-{n}", "text": "la retraite"} for n in range(int(sys.argv[2]))])
    print(batch, flush=True)
"""


@pytest.mark.parametrize("wait_ms", [0, 7, 15, 30])
def test_a_killed_writer_leaves_whole_batches_and_no_lock(tmp_path: Path, wait_ms: int) -> None:
    reader = EmbeddedEngine(tmp_path)
    command = [sys.executable, "-c", WRITER, str(tmp_path), str(BATCH)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(5)]
        time.sleep(wait_ms / 1000)
        process.send_signal(signal.SIGKILL)
        said += [int(line) for line in process.stdout if line.endswith("\n")]
    for engine in (reader, EmbeddedEngine(tmp_path)):
        count = engine.count("posts", Where("retraites"))
        assert count % BATCH == 0
        assert 0 <= count // BATCH - len(said) <= 1
    assert reader.write("posts", [{"id": "après"}]).count == 1


def test_a_page_is_of_one_moment_while_documents_change(tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path)
    engine.write("posts", ({"id": str(n), "text": "ancien"} for n in range(50)))
    scan = engine.scan("posts")
    first = next(scan)
    engine.write("posts", ({"id": str(n), "text": "nouveau"} for n in range(60)))
    engine.delete("posts", ["7"])
    texts = {first["text"], *(one["text"] for one in scan)}
    assert texts == {"ancien"}
    assert engine.count("posts", Where("nouveau")) == 59


def test_threads_read_and_write_together(tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path)
    failures: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(40):
                hits = engine.search("posts", Where("école publique"), size=100)
                assert hits.total == len(hits.documents)
                engine.aggregate("posts", {"top": {"top_hits": {"size": 3}}, "n": {"value_count": {"field": "id"}}})
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for batch in range(10):
        engine.write("posts", ({"id": f"{batch}-{n}", "text": "l'école publique"} for n in range(10)))
    for reader in readers:
        reader.join()
    assert failures == []
    assert engine.count("posts") == 100


def test_what_was_deleted_leaves_the_disk(tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path)
    words = ["kyrzhabim", "plovtenduz", "wagxohurif", "bemquistyl", "dorfanjuck", "sulvigtrem"]
    for size, word in enumerate(words, 2):
        others = [{"id": f"{size}-{n}", "text": f"message {n}"} for n in range(size)]
        engine.write("posts", [*others, {"id": f"said-{size}", "text": word}])
    engine.delete("posts", ["said-3"])
    engine.delete_where("posts", Where(words[4]))
    engine.write("posts", [{"id": "said-4", "text": "remplacé"}])
    gone, kept = {words[1], words[2], words[4]}, {words[0], words[3], words[5]}
    assert found_on_disk(tmp_path, words) == gone | kept, "deletion alone leaves them, or this proves nothing"
    before = {one["id"]: one for one in engine.scan("posts")}
    reader = EmbeddedEngine(tmp_path)
    assert reader.count("posts") == len(before)
    engine.purge()
    assert found_on_disk(tmp_path, words) == kept
    segments = json.loads((tmp_path / f"posts-v{VERSIONS['posts']}" / "meta.json").read_text())["segments"]
    assert [segment["deletes"] for segment in segments] == [None] * len(segments)
    assert sum(segment["max_doc"] for segment in segments) == len(before)
    for each in (engine, reader):
        assert {one["id"]: one for one in each.scan("posts")} == before
        assert each.count("posts", Where(words[0])) == 1
    files = sorted(path.name for path in tmp_path.rglob("*"))
    engine.purge()  # nothing is left to do
    assert sorted(path.name for path in tmp_path.rglob("*")) == files


def found_on_disk(folder: Path, words: list[str]) -> set[str]:
    """Those that any file holds; stored documents are compressed, but a word seen once in a block stays readable."""
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return {word for word in words if any(word.encode() in content for content in contents)}


def test_an_index_of_an_earlier_schema_is_neither_ignored_nor_left_behind(tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path)
    engine.write("tallies", [{"id": "t"}])
    engine.write("posts", [{"id": "p"}])
    engine.close()
    (tmp_path / f"posts-v{VERSIONS['posts']}").rename(tmp_path / "posts-v1")
    old = EmbeddedEngine(tmp_path)
    with pytest.raises(ConfigurationError, match="polyphonie index rebuild"):
        old.count("posts")
    rebuild(old, Archive(tmp_path / "archive"))
    assert not (tmp_path / "posts-v1").exists()
    assert (old.count("posts"), old.count("tallies")) == (0, 1)
