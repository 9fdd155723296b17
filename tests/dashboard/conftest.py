"""A home as a run leaves it, made of invented records without any NLP, for the pages to show."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from random import Random

import pytest
import streamlit as st

from index.documents import position_document, post_document, proposal_document
from index.opening import open_engine
from measures.tallies import measure
from polyphonie.pseudonyms import epoch_of
from polyphonie.records import Kind, Link, Origin, Position, Post, Proposal, Reach, Stance, position_id, record_id
from polyphonie.settings import load

HOSTILE = "<script>alert('lu')</script> & **gras** <b>loyers</b>"
# (id, title, statement, sector, true share of favour, its drift over the window, messages a day)
WORLD = (
    (
        "loyers",
        "Encadrer les loyers dans les grandes villes",
        "Il faut encadrer les loyers.",
        "logement",
        0.62,
        0.1,
        20,
    ),
    ("chasse", "Interdire la chasse le dimanche", "Il faut interdire la chasse le dimanche.", "nature", 0.56, 0.0, 14),
    ("senat", "Supprimer le Sénat", "Il faut supprimer le Sénat.", "institutions", 0.38, 0.0, 9),
    ("train", "Rouvrir les petites lignes de train", "Il faut rouvrir les petites lignes.", "transports", 0.74, 0.0, 8),
    ("ecrans", "Interdire le téléphone au collège", "Il faut interdire le téléphone.", "école", 0.55, -0.25, 7),
)
OPENINGS = (
    "Franchement,",
    "Dans ma rue,",
    "Vu de la campagne,",
    "Après dix ans d'attente,",
    "Soyons sérieux :",
    "Bref,",
)
FAVOUR = (
    "il est temps de s'y mettre pour de bon",
    "c'est une mesure juste, attendue par ceux qui travaillent",
    "enfin du bon sens, je soutiens sans hésiter",
    "ailleurs en Europe cela marche très bien, suivons cet exemple",
)
AGAINST = (
    "encore une règle de plus qui ne réglera rien",
    "qui va payer ? Toujours les mêmes, c'est non",
    "c'est une fausse bonne idée, les effets pervers sont connus",
    "laissez donc les gens décider eux-mêmes",
)
UNCLEAR = ("quelqu'un sait quand le débat commence ?", "à suivre, je n'ai pas d'avis arrêté")
TOPICS = ("pouvoir d'achat", "liberté", "efficacité")


# Arguments filed by their authors, by source: (side declared, side predicted, how many).
CAMPS: dict[str, tuple[tuple[Stance, Stance, int], ...]] = {
    "decidim": (
        (Stance.FAVOUR, Stance.FAVOUR, 16),
        (Stance.FAVOUR, Stance.AGAINST, 3),
        (Stance.FAVOUR, Stance.UNCLEAR, 1),
        (Stance.AGAINST, Stance.AGAINST, 15),
        (Stance.AGAINST, Stance.FAVOUR, 4),
        (Stance.AGAINST, Stance.UNCLEAR, 1),
    ),
    "capcollectif": ((Stance.FAVOUR, Stance.FAVOUR, 5),),  # fewer than may be shown
}


def build(home: Path, now: datetime, days: int = 60) -> None:
    """Write the invented world to the embedded index of `home`, and measure it."""
    settings = load(home)
    engine = open_engine(settings)
    rng = Random(11)
    proposals = {name: _proposal(name, title, says, sector) for name, title, says, sector, *_ in WORLD}
    vote = _proposal(
        "vote-cantine", "Un repas végétarien par semaine à la cantine", "Il faut un repas végétarien.", "école"
    )
    tiny = _proposal("discret", "Changer le nom de la place du marché", "Il faut changer ce nom.", "institutions")
    engine.write("proposals", [proposal_document(each) for each in [*proposals.values(), vote, tiny]])
    engine.write("topics", [{"id": _topic(name), "label": name, "terms": [name]} for name in TOPICS])
    documents = [pair for row in WORLD for pair in _talk(rng, proposals[row[0]], row[4:], now, days)]
    documents += [_said(rng, tiny, now - timedelta(days=2, hours=n), Stance.FAVOUR, f"discret-{n}") for n in range(6)]
    documents.append(_said(rng, proposals["loyers"], now - timedelta(hours=1), Stance.FAVOUR, "hostile", HOSTILE))
    ballots = [_vote(rng, vote, n) for n in range(900)]
    for source, counts in CAMPS.items():
        documents += [pair for cell in counts for pair in _declared(vote, source, *cell)]
    engine.write("posts", [post_document(post, [position.proposal]) for post, position, _ in documents])
    written = [position_document(position, post, proposal) for post, position, proposal in documents]
    engine.write("positions", [*written, *(position_document(ballot, None, vote) for ballot in ballots)])
    measure(engine, now, 30, 7, everything=True)
    engine.close()


def _topic(name: str) -> str:
    return record_id("topic", name)


def _proposal(name: str, title: str, statement: str, sector: str) -> Proposal:
    since = datetime(2025, 9, 1, tzinfo=UTC).date()
    bearers = ("Parti des exemples",) if name == "loyers" else ()
    return Proposal(id=name, title=title, statement=statement, sector=sector, since=since, bearers=bearers)


def _talk(
    rng: Random, proposal: Proposal, shape: tuple[float, float, int], now: datetime, days: int
) -> Iterator[tuple[Post, Position, Proposal]]:
    share, drift, volume = shape
    for back in range(days):
        if proposal.id == "loyers" and 18 <= back <= 23:
            continue  # a stop of the collection
        truth = share + drift * (0.5 - back / days)
        for number in range(max(3, round(rng.gauss(volume, 2)))):
            at = now - timedelta(days=back, hours=rng.uniform(0.2, 20))
            draw = rng.random()
            stance = Stance.UNCLEAR if draw < 0.12 else Stance.FAVOUR if rng.random() < truth else Stance.AGAINST
            yield _said(rng, proposal, at, stance, f"{proposal.id}-{back}-{number}")


def _said(
    rng: Random, proposal: Proposal, at: datetime, stance: Stance, uri: str, text: str = ""
) -> tuple[Post, Position, Proposal]:
    source = rng.choice(("simulated-mastodon", "simulated-mastodon", "simulated-bluesky"))
    words = {Stance.FAVOUR: FAVOUR, Stance.AGAINST: AGAINST, Stance.UNCLEAR: UNCLEAR}[stance]
    argument = rng.choice(words)
    said = text or f"{rng.choice(OPENINGS)} {argument}. {proposal.statement}"
    post = Post(
        id=record_id("post", uri),
        source=source,
        kind=Kind.POST,
        text=said,
        lang="fr",
        created_at=at,
        received_at=at,
        at=at,
        links=(Link(domain="journal.example", url="https://journal.example/a"),) if rng.random() < 0.2 else (),
        fold=record_id("fold", said) if rng.random() < 0.4 else None,
        topic=_topic(rng.choice(TOPICS)),
        reach=Reach(reposts=int(rng.expovariate(0.4))),
        flags=("simulated",),
    )
    sure = rng.uniform(0.55, 0.97)
    rest = (1 - sure) / 2
    chances = {name: (sure if name == stance else rest) for name in Stance}
    predicted = Position(
        id=position_id(post.id, proposal.id, Origin.PREDICTED),
        post=post.id,
        proposal=proposal.id,
        stance=stance,
        p_favour=chances[Stance.FAVOUR],
        p_against=chances[Stance.AGAINST],
        p_unclear=chances[Stance.UNCLEAR],
        origin=Origin.PREDICTED,
        voice=record_id("voice", uri),
        epoch=epoch_of(at, 7),
        created_at=at,
        at=at,
        source=source,
        span="" if text else argument,
        match=rng.uniform(0.55, 0.95),
        model="stance-fr 0.1",
    )
    return post, predicted, proposal


def _declared(
    proposal: Proposal, source: str, side: Stance, answer: Stance, count: int
) -> Iterator[tuple[Post, Position, Proposal]]:
    """Arguments of a consultation, each with the side its author took and the one the model read."""
    for number in range(count):
        at = datetime(2019, 5, 10 + number, tzinfo=UTC)
        uri = f"{source}-{side}-{answer}-{number}"
        text = f"Argument inventé, numéro {number}."
        post = Post(
            id=record_id("post", uri), source=source, kind=Kind.ARGUMENT, text=text, lang="fr", created_at=at,
            received_at=at, at=at,
        )  # fmt: skip
        said = Position(
            id=position_id(post.id, proposal.id, Origin.DECLARED), post=post.id, proposal=proposal.id, stance=side,
            p_favour=float(side == Stance.FAVOUR), p_against=float(side == Stance.AGAINST), p_unclear=0.0,
            origin=Origin.DECLARED, voice=record_id("voice", uri), epoch=epoch_of(at, 7), created_at=at, at=at,
            source=source,
        )  # fmt: skip
        read = said.model_copy(
            update={
                "id": position_id(post.id, proposal.id, Origin.PREDICTED),
                "stance": answer,
                "origin": Origin.PREDICTED,
                "declared": side,
                "model": "stance-fr 0.1",
            }
        )
        yield post, said, proposal
        yield post, read, proposal


def _vote(rng: Random, proposal: Proposal, number: int) -> Position:
    at = datetime(2019, 5, 2, tzinfo=UTC) + timedelta(days=rng.uniform(0, 60))
    stance = Stance.FAVOUR if rng.random() < 0.66 else Stance.AGAINST
    return Position(
        id=record_id("vote", number),
        post=record_id("vote", number),
        proposal=proposal.id,
        stance=stance,
        p_favour=float(stance == Stance.FAVOUR),
        p_against=float(stance == Stance.AGAINST),
        p_unclear=0.0,
        origin=Origin.VOTE,
        voice=record_id("voter", number),
        epoch=epoch_of(at, 7),
        created_at=at,
        at=at,
        source="consultation-exemple",
    )


def midday() -> datetime:
    """Noon today, UTC: whatever the hour of the test, the last day has its messages."""
    return datetime.combine(datetime.now(UTC).date(), time(), UTC) - timedelta(minutes=30)


@pytest.fixture(scope="session")
def dashboard_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with five simulated conversations over sixty days, one of six voices, and a vote of 2019."""
    home = tmp_path_factory.mktemp("home")
    build(home, midday())
    return home


@pytest.fixture
def at_home(dashboard_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same home, as the pages find it."""
    for name in [name for name in os.environ if name.startswith("POLYPHONIE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POLYPHONIE_HOME", str(dashboard_home))
    return dashboard_home


@pytest.fixture
def home(dashboard_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the home, where people may answer."""
    copied = tmp_path / "home"
    shutil.copytree(dashboard_home, copied)
    monkeypatch.setenv("POLYPHONIE_HOME", str(copied))
    return copied


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Pages keep nothing of a former test, and leave nothing to the next one."""
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()
