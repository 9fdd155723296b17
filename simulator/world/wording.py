"""The words of a message: sentences of its side, what people put around them, and their small slips."""

from dataclasses import dataclass, replace
from functools import cache
from random import Random

from polyphonie.records import Stance
from simulator.world.people import Author, Platform, Register
from simulator.world.script import Message, Script
from simulator.world.society import read_yaml

LIMITS: dict[Platform, int] = {"mastodon": 500, "bluesky": 300, "decidim": 1_000}
_ROOM = 60  # characters left for a mention and an address
_MEDIA = ("courrier-du-fleuve", "gazette-des-plaines", "radio-estuaire", "le-veilleur", "cahiers-du-rail")
_SHORTHAND = (
    ("Ce n'est pas", "C'est pas"),
    ("ce n'est pas", "c'est pas"),
    ("On ne ", "On "),
    ("on ne ", "on "),
    ("Je ne ", "Je "),
    ("je ne ", "je "),
    ("Quelqu'un", "Qqn"),
    ("beaucoup", "bcp"),
    ("toujours", "tjrs"),
    ("maintenant", "mtn"),
    ("quand même", "qd même"),
    ("C'est ", "c'est "),
    ("même", "meme"),
    ("être", "etre"),
    ("déjà", "deja"),
    (", ", " "),
    ("'", "’"),
)


@dataclass(frozen=True)
class Wording:
    """A text as its author typed it, and what it holds that platforms mark: tags without #, people, an address."""

    text: str
    tags: tuple[str, ...] = ()
    mentioned: tuple[Author, ...] = ()
    link: str = ""
    link_title: str = ""


@cache
def sentences(file: str) -> dict[str, tuple[str, ...]]:
    """The lines of each part of a file of texts."""
    parts = read_yaml(file).items()
    return {part: tuple(lines if isinstance(lines, list) else lines.strip().splitlines()) for part, lines in parts}


def word(script: Script, message: Message, seed: int, *, edited: bool = False) -> Wording:
    """What `message` says; the same each time. A repost has no words of its own.

    edited: after its author corrected it; the side does not change.
    """
    rng = Random(f"words {seed} {message.number}")
    if message.campaign >= 0:
        return _copy(script, message, seed, rng)
    core = _core(script, message, rng)
    wording = Wording(core)
    if message.subject < len(script.society.proposals) and not message.short:
        proposal, platform = script.society.proposals[message.subject].id, message.author.platform
        hashtags = sentences(f"texts/{proposal}.yaml")["hashtags"]
        wording = _tag(_dress(core, message, rng), hashtags, platform, rng)
    wording = _address(script, message, wording, rng)
    return replace(wording, text=wording.text + " (édit : coquille corrigée)") if edited else wording


def _core(script: Script, message: Message, rng: Random) -> str:
    if message.subject >= len(script.society.proposals):
        return rng.choice(sentences("pools/elsewhere.yaml")[message.lang])
    if message.short:
        return rng.choice(sentences("pools/small_talk.yaml")[_nod(message)])
    pool = sentences(f"texts/{script.society.proposals[message.subject].id}.yaml")
    if message.ironic:
        return rng.choice(pool[f"ironic_{message.stance}"])
    several = message.stance is not Stance.UNCLEAR and rng.random() < 0.26
    text = " ".join(rng.sample(pool[str(message.stance)], 2 if several else 1))
    return _slip(text, message.author.register, rng)


def _nod(message: Message) -> str:
    if message.stance is Stance.UNCLEAR or message.target is None:
        return "ask"
    return "agree" if message.stance is message.target.stance else "disagree"


def _slip(text: str, register: Register, rng: Random) -> str:
    if register == "careful":
        return text
    for full, short in rng.sample(_SHORTHAND, 4):
        text = text.replace(full, short)
    if register == "furious" and text.endswith((".", "!")):
        return text[:-1].rstrip(" !") + rng.choice((" !", " !!", " !!!", "."))
    return text.removesuffix(".") if rng.random() < 0.5 else text


def _dress(core: str, message: Message, rng: Random) -> str:
    around, register = sentences("pools/small_talk.yaml"), message.author.register
    limit = LIMITS[message.author.platform] - _ROOM
    text = core
    if message.stance is not Stance.UNCLEAR and rng.random() < 0.24:
        opener = rng.choice(around["furious_openers" if register == "furious" else "openers"])
        text = _within(limit, f"{opener} {text}", text)
    if message.stance is not Stance.UNCLEAR and rng.random() < 0.18:
        stopped = text if text.endswith((".", "!", "?", "…")) else f"{text}."
        text = _within(limit, f"{stopped} {rng.choice(around['closers'])}", text)
    if register != "careful" and rng.random() < 0.3:
        text = _within(limit, f"{text} {rng.choice(around['emoji'])}", text)
    return text


def _tag(text: str, hashtags: tuple[str, ...], platform: Platform, rng: Random) -> Wording:
    if platform == "decidim" or rng.random() > 0.42:
        return Wording(text)
    tags = hashtags[:2] if rng.random() < 0.25 else (rng.choice(hashtags),)
    tagged = text + "".join(f" #{tag}" for tag in tags)
    return Wording(tagged, tags) if len(tagged) <= LIMITS[platform] - _ROOM else Wording(text)


def _address(script: Script, message: Message, wording: Wording, rng: Random) -> Wording:
    """Whom it speaks to, how to reach its author, what it points to: the identities that must never be kept."""
    around, limit = sentences("pools/small_talk.yaml"), LIMITS[message.author.platform]
    text, mentioned, link, title = wording.text, wording.mentioned, "", ""
    draw = rng.random()
    if message.target and message.author.platform == "mastodon" and message.kind == "reply":
        mentioned = (message.target.author,)
        text = f"@{message.target.author.handle} {text}"
    elif draw < 0.06 and message.author.platform != "decidim" and message.lang == "fr":
        friend = script.people.draw(message.author.platform, rng)
        longer = f"{text} {rng.choice(around['mentions']).format(mention='@' + friend.handle)}"
        if len(longer) <= limit:
            text, mentioned = longer, (friend,)
    elif draw < 0.075 and message.lang == "fr":
        contact = rng.choice(around["contacts"]).format(email=message.author.email, phone=message.author.phone)
        text = _within(limit, f"{text} {contact}", text)
    elif draw < 0.145 and message.subject < len(script.society.proposals) and not message.short:
        medium, proposal = rng.choice(_MEDIA), script.society.proposals[message.subject].id
        address = f"https://www.{medium}.example/{proposal}-{rng.randrange(12)}"
        if len(text) + len(address) < limit:
            link, title = address + "?utm_source=partage", rng.choice(around["titles"])
            text = f"{text} {address}"
    return replace(wording, text=text, mentioned=mentioned, link=link, link_title=title)


def _copy(script: Script, message: Message, seed: int, rng: Random) -> Wording:
    """A campaign's text, pasted with one or two small edits, or none."""
    pool = sentences(f"texts/{script.society.proposals[message.subject].id}.yaml")
    around = sentences("pools/small_talk.yaml")
    origin = Random(f"campaign {seed} {message.campaign}")
    tag, pair = origin.choice(pool["hashtags"]), origin.sample(pool[str(message.stance)], 2)
    # Two arguments where a copy still fits in a post of Bluesky with its edits, else one.
    text = _within(LIMITS["bluesky"] - 70, " ".join(pair), pair[0])
    match rng.randrange(7):
        case 0:
            text = f"{text} {rng.choice(around['emoji'])}"
        case 1:
            text = text.removesuffix(".") + " !"
        case 2:
            text = text.replace("'", "’")
        case 3:
            text = f"{rng.choice(around['quotes'])} {text}"
        case 4:
            tag = rng.choice(pool["hashtags"])
    return Wording(f"{text} #{tag}", (tag,))


def _within(limit: int, longer: str, text: str) -> str:
    return longer if len(longer) <= limit else text
