"""How fast the embedded engine writes, beside bare tantivy given the same documents.

    python benchmarks/index_write.py --posts 20000 --batch 2000 --rounds 3

Bare tantivy has the same schema, memory, thread and commits; its fields are ready before the clock starts, and it
checks nothing, replaces nothing and waits for nobody. Rounds alternate, so that both meet the same machine.
"""

import argparse
import random
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import tantivy

from index.embedded import HEAP_BYTES, EmbeddedEngine, native_fields
from index.engine import Document
from index.tantivy_queries import FRENCH, french_analyzer, schema_of

WORDS = (
    "la le les de des une un pour contre avec sans dans retraite école hôpital climat énergie logement loyers impôts"
    " transports vélo train autoroute nucléaire solaire police justice égalité travail salaire chômage entreprise"
    " commune région député sénat référendum citoyens débat projet réforme financement dette budget santé médecins"
).split()


def made_posts(number: int) -> list[Document]:
    """Posts of 25 to 60 words, with the fields that a real one has."""
    draw = random.Random(3)
    posts = []
    for n in range(number):
        at = f"2026-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}T{draw.randrange(24):02d}:00:00Z"
        posts.append(
            {
                "id": f"{n:032x}", "source": "essai", "kind": "post", "lang": "fr", "title": "",
                "text": " ".join(draw.choices(WORDS, k=draw.randrange(25, 60))),
                "created_at": at, "received_at": at, "at": at, "fold": f"{n // 3:032x}", "topic": f"t{n % 40}",
                "reach": 1 + n % 7, "replies": 0, "reposts": n % 7, "likes": n % 20, "flags": [], "links": [],
                "hashtags": draw.sample(WORDS, 2), "domains": ["exemple.fr"], "proposals": [f"p{n % 14}"],
                "versions": {"lang": "1", "stance": "1"},
            }
        )  # fmt: skip
    return posts


def write_with_engine(posts: list[Document], batch: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        engine = EmbeddedEngine(Path(folder))
        began = time.perf_counter()
        for start in range(0, len(posts), batch):
            engine.write("posts", posts[start : start + batch])
        return time.perf_counter() - began


def write_bare(fields: list[dict[str, Any]], batch: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        schema = schema_of("posts")
        index = tantivy.Index(schema, folder)
        index.register_tokenizer(FRENCH, french_analyzer())
        writer = index.writer(HEAP_BYTES, 1)
        began = time.perf_counter()
        for start in range(0, len(fields), batch):
            for one in fields[start : start + batch]:
                writer.add_document(tantivy.Document.from_dict(one, schema))
            writer.commit()
        writer.wait_merging_threads()
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=2_000, help="documents of one write, and of one commit")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    posts = made_posts(options.posts)
    fields = [native_fields("posts", post) for post in posts]
    ours, bare = [], []
    for _ in range(options.rounds):
        bare.append(write_bare(fields, options.batch))
        ours.append(write_with_engine(posts, options.batch))
    print(f"{options.posts} posts, {options.batch} a commit, median of {options.rounds} rounds")
    print(f"{'':18}{'seconds':>10}{'posts/s':>12}")
    for name, seconds in (("bare tantivy", median(bare)), ("embedded engine", median(ours))):
        print(f"{name:18}{seconds:10.2f}{options.posts / seconds:12.0f}")
    print(f"ratio of rates, engine to bare: {median(bare) / median(ours):.2f}")


if __name__ == "__main__":
    main()
