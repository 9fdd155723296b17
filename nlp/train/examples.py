"""Builds the labelled pairs of each training step from the English claims and from our French corpus."""

import hashlib
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlp.evaluation import read_rows
from nlp.models.pairs import Pair
from polyphonie.errors import InputError

CORPUS = Path(__file__).parents[1] / "corpus"
HELD_SHARE, HELD_SEED = 0.1, 17  # the development proposals are the same for every run
FAVOUR, AGAINST, UNCLEAR = 0, 1, 2
ROBUST = "robust"
HELD_SECTORS = frozenset(("sport", "outre-mer"))  # subjects of which training says nothing
_LABELS = {"favour": FAVOUR, "against": AGAINST, "unclear": UNCLEAR}
_TOLD = 20  # malformed rows that are said one by one
_MODALS = {"faut", "doit", "doivent", "devrait", "être", "pouvoir", "tous", "tout", "toute", "toutes", "dans", "pour"}
# « Non, ... » answers the statement as it was worded: under the negation it would teach that yes and no mean nothing.
_VERDICT = "oui|non|nan|ouais|pour|contre|d'accord|pas d'accord|tout à fait|favorable|défavorable|opposée?"
_ANSWERS = re.compile(
    rf"^\W*(?:avis |résolument |plutôt |totalement |clairement |très )?(?:{_VERDICT})\b"
    rf"|\bje (?:suis|vote|dis|reste|serais|voterais?)(?: \w+)? (?:{_VERDICT})\b"
    rf"|\b(?:{_VERDICT})\W*$",
    re.IGNORECASE,
)
_FLIPPED = {FAVOUR: AGAINST, AGAINST: FAVOUR, UNCLEAR: UNCLEAR}


@dataclass(frozen=True)
class Example:
    """A pair and its label (0 favour, 1 against, 2 unclear)."""

    pair: Pair
    label: int


@dataclass(frozen=True)
class Corpus:
    """Our corpus: proposals by id, and posts; each a row of the JSONL files (see `nlp/corpus/README.md`)."""

    proposals: dict[str, dict[str, Any]]
    posts: list[dict[str, Any]]


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file. Raises InputError, naming the line, when it is not one object a line."""
    try:
        lines = path.read_text("utf-8").split("\n")  # not splitlines: a text may hold U+2028
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as UTF-8 JSONL: {error}") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number}: expected an object")
        rows.append(row)
    return rows


def read_labelled(path: Path, tell: Callable[[str], None]) -> list[Example]:
    """Rows {proposal, text, parent?, stance} as examples; each row that is not one is told, and left out.

    Raises InputError when none is left.
    """
    found = read_rows(path)
    for reason in found.refused[:_TOLD]:
        tell(f"{path.name}: {reason}")
    if not found.rows:
        raise InputError(f"{path}: no usable row; a line needs proposal, text, stance (favour/against/unclear)")
    return [Example(row.pair, row.truth) for row in found.rows]


def read_corpus(folder: Path, apart: str = ROBUST) -> Corpus:
    """Every `*_proposals.jsonl` and `*_posts.jsonl` of the folder, in the order of their names, but those that only
    judge, whose names begin with `apart`."""
    proposals = {row["id"]: row for path in _parts(folder, "proposals", apart) for row in read_jsonl(path)}
    posts = [row for path in _parts(folder, "posts", apart) for row in read_jsonl(path)]
    if not posts:
        raise InputError(f"{folder} holds no *_posts.jsonl: give the folder of the corpus")
    return Corpus(proposals, posts)


def _parts(folder: Path, kind: str, apart: str) -> list[Path]:
    return [path for path in sorted(folder.glob(f"*_{kind}.jsonl")) if not path.name.startswith(apart)]


def split_corpus(corpus: Corpus, share: float, seed: int) -> tuple[Corpus, Corpus]:
    """(training, development): about `share` of the proposals of each part are held out, and every one of HELD_SECTORS,
    with their posts.

    A proposal that says nearly the same as a held one, in another part, is in neither.
    """
    held: set[str] = set()
    parts: dict[str, list[str]] = {}
    for name in corpus.proposals:
        parts.setdefault(name.split("-")[0], []).append(name)
    for part, names in sorted(parts.items()):
        held.update(random.Random(f"{seed}-{part}").sample(sorted(names), round(share * len(names))))
    held.update(name for name, row in corpus.proposals.items() if row["sector"] in HELD_SECTORS)
    statements = {name: _content_words(row["statement"]) for name, row in corpus.proposals.items()}
    twins = {name for name in statements if any(_alike(statements[name], statements[other]) for other in held)}
    return _restrict(corpus, set(corpus.proposals) - held - twins), _restrict(corpus, held)


def in_tuning_half(proposal: str) -> bool:
    """Which of the held proposals serve to choose and to calibrate; evaluation scores the others.

    A coin that the wording of the proposal throws, the same on every machine.
    """
    return hashlib.sha256(proposal.strip().lower().encode()).digest()[0] % 2 == 0


def _content_words(statement: str) -> set[str]:
    return {word for word in re.findall(r"\w{4,}", statement.lower()) if word not in _MODALS}


def _alike(first: set[str], second: set[str]) -> bool:
    """Three fifths of the words of the shorter statement are in the other."""
    return len(first & second) >= 0.6 * min(len(first), len(second))


def _restrict(corpus: Corpus, names: set[str]) -> Corpus:
    return Corpus(
        {name: row for name, row in corpus.proposals.items() if name in names},
        [row for row in corpus.posts if row["proposal"] in names],
    )


def as_asked(corpus: Corpus) -> list[Example]:
    """Each post with the statement of its proposal: what evaluation asks."""
    return [
        Example(
            Pair(corpus.proposals[row["proposal"]]["statement"], row["text"], row["parent"]), _LABELS[row["stance"]]
        )
        for row in corpus.posts
    ]


def french_examples(corpus: Corpus, mismatched: float, rng: random.Random) -> list[Example]:
    """One epoch of French: each post under a wording of its proposal and, the label flipped, under its negation.

    A wording is the statement or a paraphrase. The same text under both sides teaches that the proposal decides, not
    the tone; texts that answer with a yes or a no are not turned. A share `mismatched` of the posts also comes with the
    statement of a proposal of another sector, as unclear: same register, nothing to do with it.
    """
    examples = []
    for row in corpus.posts:
        proposal = corpus.proposals[row["proposal"]]
        label = _LABELS[row["stance"]]
        wording = rng.choice([proposal["statement"], *proposal["paraphrases"]])
        examples.append(Example(Pair(wording, row["text"], row["parent"]), label))
        if not _ANSWERS.search(row["text"]):
            examples.append(Example(Pair(proposal["negation"], row["text"], row["parent"]), _FLIPPED[label]))
        if rng.random() < mismatched:
            others = [other for other in corpus.proposals.values() if other["sector"] != proposal["sector"]]
            examples.append(Example(Pair(rng.choice(others)["statement"], row["text"], row["parent"]), UNCLEAR))
    return examples


def mismatch(examples: Sequence[Example], share: float, rng: random.Random) -> list[Example]:
    """A share of the examples with the proposal of another one, as unclear."""
    proposals = sorted({example.pair.proposal for example in examples})
    drawn = rng.sample(list(examples), round(share * len(examples)))
    return [
        Example(Pair(other, example.pair.text, example.pair.parent), UNCLEAR)
        for example in drawn
        if (other := rng.choice(proposals)) != example.pair.proposal
    ]
