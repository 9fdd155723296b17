"""The small query language of users, and the tree that each engine compiles.

    retraites climat            both words          "âge de départ"         these words in this order
    retraites OU climat         either              retraites SAUF climat   (also -climat, NOT, NON)
    (a OU b) ET c               grouping            stance:favour           a field; also topic:"deux mots"
    at:2026-03-01               a day               at:2026-03-01..2026-03-31   days, both included
    après:2026-03-01            from that day on    avant:2026-03-01        before that day
    reach:10..  p_favour:0.8..1                     numbers, both ends included

AND, OR, NOT and ET, OU, SAUF are operators in capitals only. Days are UTC. Messages are for the dashboard, in French.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from index.engine import Collection, Where
from index.schema import FIELDS, MAX_TERM_BYTES, Kind, says_nothing, whole_second
from polyphonie.errors import QueryError

MAX_CHARACTERS = 4_000
MAX_DEPTH = 20  # Elasticsearch refuses 30
MAX_WORDS = 500  # Elasticsearch refuses 1,024 clauses
MAX_PAGED = 10_000  # offset + size; Elasticsearch refuses more

Scalar = str | bool | int | float


@dataclass(frozen=True)
class Words:
    """Words in this order in one text field (any of the collection's when `field` is None)."""

    text: str
    field: str | None = None


@dataclass(frozen=True)
class OneOf:
    """A field that holds exactly one of these values."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class Range:
    """low <= field < high, or <= high where `closed`; None is open. Instants are whole seconds."""

    field: str
    low: datetime | int | float | None = None
    high: datetime | int | float | None = None
    closed: bool = False


@dataclass(frozen=True)
class Not:
    node: "Node"


@dataclass(frozen=True)
class And:
    """All of them; every document when there are none."""

    nodes: tuple["Node", ...] = ()


@dataclass(frozen=True)
class Or:
    """Any of them; no document when there are none."""

    nodes: tuple["Node", ...] = ()


Node = Words | OneOf | Range | Not | And | Or


def compile_where(collection: Collection, where: Where) -> Node:
    """The tree of a query and its exact filters. Raises QueryError."""
    nodes: list[Node] = []
    if where.query.strip():
        nodes.append(parse(where.query, collection))
    nodes.extend(one_of(collection, field, values) for field, values in where.terms.items())
    if where.since is not None or where.until is not None:
        nodes.append(window(collection, where.date_field, where.since, where.until))
    return nodes[0] if len(nodes) == 1 else And(tuple(nodes))


def kind_of(collection: Collection, field: str) -> Kind:
    """Kind of a field. Raises QueryError when there is none of that name."""
    if field not in FIELDS[collection]:
        raise QueryError(f"champ inconnu « {field} » ; champs possibles : {', '.join(sorted(FIELDS[collection]))}")
    return FIELDS[collection][field]


def one_of(collection: Collection, field: str, values: Sequence[Scalar]) -> OneOf:
    """An exact filter. Raises QueryError when the field cannot hold such values."""
    kind = kind_of(collection, field)
    accepted: dict[Kind, tuple[type, ...]] = {
        Kind.KEYWORD: (str,),
        Kind.KEYWORDS: (str,),
        Kind.BOOLEAN: (bool,),
        Kind.INTEGER: (int,),
        Kind.FLOAT: (int, float),
    }
    if kind not in accepted:
        raise QueryError(f"le champ « {field} » ({kind}) ne peut pas servir de filtre exact")
    if isinstance(values, str):
        raise QueryError(f"le champ « {field} » attend une liste de valeurs")
    for one in values:
        if not isinstance(one, accepted[kind]) or (isinstance(one, bool) and kind is not Kind.BOOLEAN):
            raise QueryError(f"le champ « {field} » ({kind}) ne peut pas valoir {one!r}")
    return OneOf(field, tuple(str(one) if isinstance(one, str) else one for one in values))


def window(collection: Collection, field: str, since: datetime | None, until: datetime | None) -> Range:
    """A half-open window on a date field. Raises QueryError."""
    if kind_of(collection, field) is not Kind.DATE:
        raise QueryError(f"le champ « {field} » n'est pas une date")
    if any(moment is not None and moment.tzinfo is None for moment in (since, until)):
        raise QueryError("une fenêtre de temps a besoin d'un fuseau horaire")
    return Range(field, since and whole_second(since), until and whole_second(until))


def text_fields(collection: Collection) -> list[str]:
    """The fields where words without a field are looked for."""
    return [name for name, kind in FIELDS[collection].items() if kind in (Kind.TEXT, Kind.TEXTS)]


def parse(query: str, collection: Collection) -> Node:
    """The tree of what a user wrote. Raises QueryError, and nothing else, with the place and what was expected."""
    if len(query) > MAX_CHARACTERS:
        raise QueryError(f"requête trop longue : {len(query)} caractères, {MAX_CHARACTERS} au plus")
    if lone := re.search("[\ud800-\udfff]", query):
        raise QueryError(f"caractère illisible à la place {lone.start() + 1} de la requête")
    tokens = list(_tokens(query))
    if len(tokens) > MAX_WORDS:
        raise QueryError(f"requête trop longue : {len(tokens)} mots, {MAX_WORDS} au plus")
    parser = _Parser(tokens, len(query), collection)
    node = parser.either(0)
    if parser.token is not None:
        raise QueryError(f"parenthèse fermante sans ouvrante au caractère {parser.token.at + 1}")
    if node is None:
        raise QueryError("aucun mot à chercher : la requête ne contient que des mots très courants ou des signes")
    return node


@dataclass(frozen=True)
class _Token:
    kind: str  # open, close, and, or, not, words
    at: int
    text: str = ""
    field: str | None = None
    quoted: bool = False


_OPERATORS = {"AND": "and", "ET": "and", "OR": "or", "OU": "or", "NOT": "not", "NON": "not", "SAUF": "not"}
_TOKEN = re.compile(
    r"""(?P<open>\() | (?P<close>\))
      | (?P<not>[-\u2212](?=[^\s)]))
      | (?:(?P<field>[^\W\d]\w*):(?!//))? (?: ["“”«](?P<quoted>[^"“”«»]*)["“”»] | (?P<bare>[^\s()"“”«»]+) )
      | (?P<bad>\S)""",
    re.VERBOSE,
)


def _tokens(query: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(query):
        at, kind = match.start(), match.lastgroup
        if kind == "bad":
            raise QueryError(f"guillemet sans son pendant au caractère {at + 1} de la requête")
        if kind in ("open", "close", "not"):
            yield _Token(kind, at)
        elif kind == "quoted":
            yield _Token("words", at, match["quoted"], match["field"], quoted=True)
        elif match["field"] is None and match["bare"] in _OPERATORS:
            yield _Token(_OPERATORS[match["bare"]], at)
        else:
            yield _Token("words", at, match["bare"], match["field"])


class _Parser:
    """Recursive descent; a rule gives None for what holds no word, so that "le climat" asks for "climat" alone."""

    def __init__(self, tokens: Sequence[_Token], end: int, collection: Collection) -> None:
        self.tokens = tokens
        self.end = end
        self.collection = collection
        self.place = 0

    @property
    def token(self) -> _Token | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def either(self, depth: int) -> Node | None:
        nodes = [self.all(depth)]
        while self.token is not None and self.token.kind == "or":
            self.place += 1
            nodes.append(self.all(depth))
        found = tuple(node for node in nodes if node is not None)
        return found[0] if len(found) == 1 else Or(found) if found else None

    def all(self, depth: int) -> Node | None:
        nodes = [self.one(depth)]
        while self.token is not None and self.token.kind not in ("or", "close"):
            if self.token.kind == "and":
                self.place += 1
            nodes.append(self.one(depth))
        found = tuple(node for node in nodes if node is not None)
        return found[0] if len(found) == 1 else And(found) if found else None

    def one(self, depth: int) -> Node | None:
        token = self.token
        if depth > MAX_DEPTH:
            raise QueryError(f"requête trop imbriquée : {MAX_DEPTH} niveaux au plus")
        if token is None:
            raise QueryError(f"un mot était attendu à la fin de la requête (caractère {self.end + 1})")
        self.place += 1
        if token.kind == "not":
            node = self.one(depth + 1)
            return None if node is None else Not(node)
        if token.kind == "open":
            inside = self.either(depth + 1)
            if self.token is None or self.token.kind != "close":
                raise QueryError(f"parenthèse ouverte au caractère {token.at + 1} et jamais fermée")
            self.place += 1
            return inside
        if token.kind == "words":
            return _leaf(token, self.collection)
        raise QueryError(f"un mot était attendu au caractère {token.at + 1} de la requête")


def _leaf(token: _Token, collection: Collection) -> Node | None:
    if token.field is None:
        return None if says_nothing(token.text) else Words(token.text)
    try:
        return _field_leaf(token.field, token.text, collection)
    except QueryError as error:
        raise QueryError(f"caractère {token.at + 1} : {error}") from error


def _field_leaf(field: str, text: str, collection: Collection) -> Node | None:
    if field in ("après", "apres"):
        return Range("at" if kind_of(collection, "at") else "", low=_midnight(text))
    if field == "avant":
        return Range("at" if kind_of(collection, "at") else "", high=_midnight(text))
    kind = kind_of(collection, field)
    low, dots, high = text.partition("..")
    if text == ".." and kind in (Kind.DATE, Kind.INTEGER, Kind.FLOAT):
        raise QueryError("une borne au moins était attendue avant ou après « .. »")
    if kind in (Kind.TEXT, Kind.TEXTS):
        return None if says_nothing(text) else Words(text, field)
    if kind in (Kind.KEYWORD, Kind.KEYWORDS):
        # A longer term than an index can hold is in no document.
        return OneOf(field, (text,)) if len(text) * 4 <= MAX_TERM_BYTES else Or()
    if kind is Kind.BOOLEAN:
        return OneOf(field, (_boolean(text),))
    if kind is Kind.DATE:
        until = _midnight(high if dots else low, after=True) if high or not dots else None
        return Range(field, _midnight(low) if low or not dots else None, until)
    if kind in (Kind.INTEGER, Kind.FLOAT):
        if not dots:
            return OneOf(field, (_number(text, kind),))
        least, most = (_number(bound, kind) if bound else None for bound in (low, high))
        return Range(field, least, most, closed=True)
    raise QueryError(f"le champ « {field} » n'est pas interrogeable")


def _midnight(text: str, *, after: bool = False) -> datetime:
    """Midnight UTC that begins the day written in `text`, or the next one."""
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError(text)
        day = date.fromisoformat(text) + timedelta(days=after)
        if not 1900 <= day.year < 2200:
            raise ValueError(text)
    except (ValueError, OverflowError) as error:
        raise QueryError(f"une date comme 2026-03-01 était attendue, pas « {text} »") from error
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _boolean(text: str) -> bool:
    if text.lower() in ("oui", "vrai", "true"):
        return True
    if text.lower() in ("non", "faux", "false"):
        return False
    raise QueryError(f"« oui » ou « non » était attendu, pas « {text} »")


def _number(text: str, kind: Kind) -> int | float:
    try:
        if not re.fullmatch(r"-?\d{1,15}([.,]\d{1,15})?", text, re.ASCII):
            raise ValueError(text)
        return int(text) if kind is Kind.INTEGER else float(text.replace(",", "."))
    except ValueError as error:
        raise QueryError(f"un nombre était attendu, pas « {text} »") from error
