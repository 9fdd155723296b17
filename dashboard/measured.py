"""From what `measures` reads to what charts and tables draw; no figure is made here, only chosen and named."""

from collections.abc import Sequence
from datetime import date, timedelta
from html import escape

from dashboard import cells, french, worth
from dashboard.addresses import address
from dashboard.charts import Bucket, Gap, Line, Point
from dashboard.exports import Cell
from dashboard.frame import Here
from dashboard.palette import series_style
from dashboard.platforms import named
from dashboard.provenance import Provenance
from measures.disclosure import rounded
from measures.overview import CurvePoint, ProposalRow, overview
from measures.popularity import Difference, Estimate
from measures.window import View, Weighting

# What a share is a share of, said between « des » or « parmi les » and « qui prennent parti ».
UNITS: dict[Weighting, str] = {"voices": "voix", "posts": "messages", "reach": "publications et repartages"}
STEPS = (1, 2, 3, 7, 14, 30, 91, 365)  # days
MOST_STEPS = 62
EMPTY = "aucune prise de position"


def shares(here: Here) -> list[ProposalRow]:
    """The proposals of the view, as all pages show them."""
    window = here.window
    return here.desk.read(
        ("overview", window, here.k),
        lambda engine: overview(engine, window, here.k, here.confusion, here.tiers),
    )


def step_days(window: View, voices: float, k: int) -> int:
    """Days of one point of a curve: the finest step that leaves about 3 k voices in each, 62 points at most."""
    days = max(window.days, 1)
    for step in STEPS:
        if days / step <= MOST_STEPS and voices * step / days >= 3 * k:
            return step
    # Too few voices for any step: a dozen points, of which the masked ones will say so.
    return max(1, -(-days // 12))


def points(found: Sequence[CurvePoint], estimator: str) -> tuple[Point, ...]:
    """Points of a curve. estimator: "corrected" or "raw"."""
    drawn = []
    for each in found:
        estimate: Estimate | None = each.corrected if estimator == "corrected" else each.raw
        if estimate is None:
            reason = each.masked or EMPTY
            drawn.append(Point(each.day, each.until, None, reason=reason))
        else:
            drawn.append(Point(each.day, each.until, estimate.share, estimate.low, estimate.high, rounded(each.voices)))
    return tuple(drawn)


def line(here: Here, name: str, found: Sequence[CurvePoint], *, raw: bool) -> Line:
    """The curve of a proposal in its own colour."""
    colour, dash = series_style(name, list(here.proposals), here.palette)
    reference = points(found, "raw") if raw else ()
    return Line(title(here, name), colour, points(found, "corrected"), dash, reference)


def counted(here: Here, value: int, noun: str) -> str:
    """How many messages or positions a source gave, never exactly when there are few."""
    if 0 < value < here.k:
        return f"moins de {here.k} {noun}s"
    return french.count(rounded(value), noun)


def totals(here: Here, rows: Sequence[ProposalRow]) -> Provenance:
    """Where the figures of several proposals come from: the sum of what is shown, from which nothing masked follows."""
    shown = [row for row in rows if not row.masked]
    voices, posts = sum(row.voices for row in shown), sum(row.posts for row in shown)
    return here.provenance(rounded(voices), rounded(posts), over=len(shown))


def title(here: Here, name: str) -> str:
    """Title of a proposal, its id when the catalogue no longer has it."""
    return here.proposals[name].title if name in here.proposals else name


def row_cells(here: Here, row: ProposalRow, *, detailed: bool) -> list[str]:
    """One row of the table of proposals, in the order of `header`."""
    named = cells.link(address("proposal", here.choice, p=row.proposal.id), row.proposal.title)
    named += f'<span class="po-sub">{escape(row.proposal.sector or "sans secteur")}</span>'
    if row.masked:
        return ["–", named, cells.mask(row.masked)]
    told = f"Tendance : de {_first(row)} à {french.percent(row.corrected.share)}"
    raw = [f"{french.percent(row.raw.share)}"] if detailed else []
    return [
        rank(row),
        named,
        cells.interval(row.corrected.share, row.corrected.low, row.corrected.high) + worth.mark(row),
        *raw,
        cells.spark(row.spark, here.palette, told),
        french.number(rounded(row.voices)),
        change(row.change),
    ]


def header(here: Here, *, detailed: bool) -> list[tuple[str, str]]:
    """Labels and classes of the columns of `row_cells`."""
    raw = [("Brut", "num hide-small")] if detailed else []
    return [
        ("Rang", "rank"),
        ("Proposition", "wide"),
        (french.typeset("Favorables (0 à 100 %)"), "band"),
        *raw,
        (f"Tendance sur {french.count(here.window.days, 'jour')}", "hide-small"),
        ("Voix", "num hide-small"),
        ("Évolution", "hide-small"),
    ]


def rank(row: ProposalRow) -> str:
    """« 2e », and below it « 1er à 3e » where the interval of the rank is wider than one place."""
    if row.rank is None:
        return "–"
    spread = ""
    if row.rank.best != row.rank.worst:
        spread = f'<span class="po-sub">{french.ordinal(row.rank.best)} à {french.ordinal(row.rank.worst)}</span>'
    return f'<span class="po-big">{french.ordinal(row.rank.middle)}</span>{spread}'


def change(difference: Difference | None) -> str:
    """The change since the period before: signed where established, said not to be otherwise."""
    if difference is None:
        return '<span class="po-sub">pas de comparaison possible</span>'
    low, high = french.number(100 * difference.low), french.number(100 * difference.high)
    bounds = f'<span class="po-sub">entre {low} et {high}</span>'
    if not difference.established:
        return f'<span class="po-sub">pas de différence établie</span>{bounds}'
    return f'<span class="po-big">{french.signed_points(difference.value)}</span>{bounds}'


def exported(rows: Sequence[ProposalRow]) -> tuple[list[str], list[list[Cell]]]:
    """The table of proposals as a file gives it: shares in per cent, masked ones as the words that say why."""
    names = [
        "proposition",
        "énoncé",
        "secteur",
        "favorables_%",
        "borne_basse_%",
        "borne_haute_%",
        "brut_%",
        "estimateur",
    ]
    names += ["réponses_de_personnes", "voix"]
    names += ["messages", "rang", "rang_meilleur", "rang_pire", "évolution_points", "sources"]
    lines: list[list[Cell]] = []
    for row in rows:
        about: list[Cell] = [row.proposal.title, row.proposal.statement, row.proposal.sector]
        if row.masked:
            lines.append([*about, *[row.masked] * 12, ", ".join(map(named, row.sources))])
            continue
        ranked: list[Cell] = [None] * 3
        if row.rank is not None:
            ranked = [row.rank.middle, row.rank.best, row.rank.worst]
        shares = (row.corrected.share, row.corrected.low, row.corrected.high, row.raw.share)
        moved = None if row.change is None else float(round(100 * row.change.value))
        how: list[Cell] = [worth.NAMES[row.corrected.estimator], row.bought.answers if row.bought else 0]
        counted = [rounded(row.voices), rounded(row.posts)]
        lines.append(
            [
                *about,
                *(float(round(100 * share)) for share in shares),
                *how,
                *counted,
                *ranked,
                moved,
                ", ".join(map(named, row.sources)),
            ]
        )
    return names, lines


def exported_curve(name: str, found: Sequence[CurvePoint]) -> list[list[Cell]]:
    """Lines (proposition, from, to, share, low, high, raw, voices) of one curve."""
    lines: list[list[Cell]] = []
    for each in found:
        last = date.fromordinal(each.until.toordinal() - 1)
        when: list[Cell] = [name, each.day.isoformat(), last.isoformat()]
        if each.corrected is None or each.raw is None:
            lines.append([*when, *[each.masked or EMPTY] * 5])
            continue
        shares = (each.corrected.share, each.corrected.low, each.corrected.high, each.raw.share)
        lines.append([*when, *(float(round(100 * share)) for share in shares), rounded(each.voices)])
    return lines


def exported_volumes(buckets: Sequence[Bucket], hidden: Sequence[Gap]) -> list[list[Cell]]:
    """Lines (from, to, favour, against, unclear) of volumes, oldest first; hidden ones say why."""
    told: list[tuple[date, date, list[Cell]]] = []
    for start, until, favour, against, unclear in buckets:
        told.append((start, until, [rounded(favour), rounded(against), rounded(unclear)]))
    told += [(gap.since, gap.until, [gap.reason, gap.reason, gap.reason]) for gap in hidden]
    lines: list[list[Cell]] = []
    for start, until, volumes in sorted(told, key=lambda each: each[0]):
        lines.append([start.isoformat(), (until - timedelta(days=1)).isoformat(), *volumes])
    return lines


VOLUME_HEADER = ["du", "au", "pour", "contre", "sans_position_nette"]
CURVE_HEADER = ["proposition", "du", "au", "favorables_%", "borne_basse_%", "borne_haute_%", "brut_%", "voix"]


def _first(row: ProposalRow) -> str:
    known = [share for _, share in row.spark if share is not None]
    return french.percent(known[0]) if known else "inconnu"
