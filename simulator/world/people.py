"""The invented authors: where they write, how much, with what identity, and what they think."""

import unicodedata
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Literal

from simulator.world.society import Society

Platform = Literal["mastodon", "bluesky", "decidim"]
Register = Literal["careful", "casual", "furious"]
PLATFORMS: tuple[tuple[Platform, float], ...] = (("mastodon", 0.45), ("bluesky", 0.45), ("decidim", 0.10))
SERVERS = ("agora.example", "garrigue.example", "estran.example", "lavoir.example", "beffroi.example")
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
POWER, SHIFT = 0.8, 8  # the author of rank r writes in proportion to (r + 8)**-0.8 (Zipf and Mandelbrot)

_GIVEN = (
    "Camille Nadia Hugo Inès Yann Léa Karim Élise Bastien Maud Thibault Aïcha Rémi Solène Mehdi Clara Gaël Fatou Loïc "
    "Jeanne Samir Odile Victor Rose Malik Agathe Denis Noémie Paul Sabrina Erwan Lucie Omar Hélène Basile Anaïs"
).split()
_FIRST = "Ver Mar Bel Cor Dal Fon Gra Lan Mon Pel Ros Sau Tal Val Bru Cha Der Esc Fau Gou".split()
_MIDDLE = "dan bou ron tu gui vin lou mi sac ber che du fra pi zo".split()
_LAST = "teau rion quet lard gnac viel doux zelle mard nois pont vron zac thier".split()


@dataclass(frozen=True, slots=True)
class Author:
    """One invented person. `leaning` in [0, 1) for each proposal: in favour while it is under the community's share."""

    number: int
    platform: Platform
    community: int
    native_id: str
    username: str
    server: str
    display_name: str
    email: str
    phone: str
    register: Register
    leaning: tuple[float, ...]

    @property
    def handle(self) -> str:
        """What others write after an @ to mention this author, wherever they are."""
        return f"{self.username}@{self.server}" if self.platform == "mastodon" else self.username


@dataclass(frozen=True)
class People:
    """The authors, and for each platform its own in order of activity with their cumulative weights."""

    authors: tuple[Author, ...]
    ranked: dict[Platform, list[Author]]
    cumulative: dict[Platform, list[float]]

    def draw(self, platform: Platform, rng: Random) -> Author:
        """An author of `platform`, the more active the likelier."""
        return rng.choices(self.ranked[platform], cum_weights=self.cumulative[platform])[0]


def populate(society: Society, number: int, rng: Random) -> People:
    """`number` authors whose activity follows a power law."""
    platforms = [platform for platform, _ in PLATFORMS]
    weights = [weight for _, weight in PLATFORMS]
    authors: list[Author] = []
    taken: set[str] = set()
    for index in range(number):
        # One of each platform first, so that a very small world has them all.
        platform = platforms[index] if index < len(platforms) else rng.choices(platforms, weights)[0]
        authors.append(_author(index, platform, society, taken, rng))
    ranked = {platform: [author for author in authors if author.platform == platform] for platform in platforms}
    cumulative = {
        platform: list(accumulate((rank + SHIFT) ** -POWER for rank in range(len(group))))
        for platform, group in ranked.items()
    }
    return People(tuple(authors), ranked, cumulative)


def _author(index: int, platform: Platform, society: Society, taken: set[str], rng: Random) -> Author:
    given, surname = rng.choice(_GIVEN), rng.choice(_FIRST) + rng.choice(_MIDDLE) + rng.choice(_LAST)
    username = _username(_plain(given), _plain(surname), platform, taken, rng)
    digits = f"{rng.randrange(10_000):04d}"
    # 06 39 98 is kept for fiction by the French regulator, so it rings nowhere.
    phone = rng.choice(("06 39 98 {} {}", "06.39.98.{}.{}", "063998{}{}", "+33 6 39 98 {} {}"))
    return Author(
        number=index,
        platform=platform,
        community=rng.choices(range(len(society.sizes)), society.sizes)[0],
        native_id=_native_id(platform, index, rng),
        username=username,
        server=rng.choice(SERVERS),
        display_name=f"{given} {surname}",
        email=f"{username.split('.')[0]}@courriel.example",
        phone=phone.format(digits[:2], digits[2:]),
        register=rng.choices(("careful", "casual", "furious"), (50, 35, 15))[0],
        leaning=tuple(rng.random() for _ in society.proposals),
    )


def _username(given: str, surname: str, platform: Platform, taken: set[str], rng: Random) -> str:
    shape = rng.choice(("{g}_{s}", "{s}_{g}", "{g}{s}", "{s}{y}"))
    stem = shape.format(g=given, s=surname, y=rng.randrange(50, 100))
    if platform == "bluesky":
        stem = stem.replace("_", "-")
    name = stem
    while name in taken:
        name = f"{stem}{rng.randrange(10, 10_000)}"
    taken.add(name)
    return f"{name}.ciel.example" if platform == "bluesky" else name


def _native_id(platform: Platform, index: int, rng: Random) -> str:
    if platform == "bluesky":
        return "did:plc:" + "".join(rng.choices(BASE32, k=24))
    return str((109_000_000_000_000_000 if platform == "mastodon" else 4_000) + index)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFD", name).encode("ascii", "ignore").decode().lower()
