"""Une proposition: who is for and against over time, with which arguments, where, and why the model says so."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from html import escape

import streamlit as st

from dashboard import cells, charts, french, worth
from dashboard.addresses import address
from dashboard.charts.axes import Spec, Width
from dashboard.downloads import offer
from dashboard.frame import Here, nothing, show
from dashboard.measured import (
    CURVE_HEADER,
    UNITS,
    VOLUME_HEADER,
    exported_curve,
    exported_volumes,
    line,
    shares,
    step_days,
    title,
)
from dashboard.palette import Palette
from dashboard.platforms import named
from dashboard.posts import SIDES, beside, card
from dashboard.provenance import Provenance
from index.engine import Engine, Where
from measures.arguments import Arguments, arguments, places, shared_links
from measures.disclosure import rounded
from measures.overview import CurvePoint, MixPoint, ProposalRow, curve, mix
from polyphonie.records import Proposal, Stance


def body(here: Here) -> Provenance:
    """The page."""
    window = here.window
    rows = shares(here)
    asked = st.query_params.get("p", "")
    order = [row.proposal.id for row in rows]
    if asked not in here.proposals and asked not in order:
        _choose(here, asked)
        return here.provenance()
    proposal = here.proposals.get(asked) or next(row.proposal for row in rows if row.proposal.id == asked)
    st.html(_pager(here, order, asked) + _header(proposal))
    row = next((row for row in rows if row.proposal.id == asked), None)
    if row is None:
        nothing(here, "Aucune prise de position sur cette période", _extent(here, asked))
        return here.provenance()
    here = here.narrowed(row.sources)
    provenance = here.provenance(rounded(row.voices), rounded(row.posts))
    if row.masked:
        st.html(cells.mask(row.masked))
        st.html(f'<p class="po-small">Un résultat est montré à partir de {here.k} voix, jamais moins.</p>')
        return provenance
    st.html(f'<ul class="po-lead"><li>{french.typeset(_answer(row, UNITS[window.weighting], rows))}</li></ul>')
    if told := worth.explained(row) + worth.drifted(here):
        st.html(told)
    step = step_days(here.window, row.voices, here.k)
    _share_over_time(here, row, step, provenance)
    _volumes(here, row, step, provenance)
    _arguments(here, asked)
    _places(here, asked)
    return provenance


def _extent(here: Here, name: str) -> str:
    """When this proposal was discussed, in words; tallies know it even after texts have expired."""
    asked = {"first": {"min": {"field": "at"}}, "last": {"max": {"field": "at"}}}
    found = here.desk.read(
        ("extent", name), lambda engine: engine.aggregate("tallies", asked, Where(terms={"proposal": (name,)}))
    )
    ends = [found[end]["value"] for end in ("first", "last")]
    if None in ends:
        return "Cette proposition n'a encore été discutée dans aucune source suivie."
    first, last = (datetime.fromtimestamp(end / 1000, UTC).date() for end in ends)
    return f"Cette proposition a été discutée {french.period(first, last)}."


def _choose(here: Here, asked: str) -> None:
    st.html('<h1 class="po-title">Une proposition</h1>')
    if asked:
        text = f"Aucune proposition ne s'appelle {french.quoted(asked[:60])}. Choisissez-en une ci-dessous."
        st.html(cells.notice("Proposition inconnue", escape(text)))
    links = "".join(
        f"<li>{cells.link(address('proposal', here.choice, p=name), each.title)}</li>"
        for name, each in sorted(here.proposals.items(), key=lambda pair: pair[1].title)
    )
    st.html(f"<ul>{links}</ul>")


def _pager(here: Here, order: Sequence[str], asked: str) -> str:
    if asked not in order or len(order) < 2:
        return ""
    place = order.index(asked)
    before, after = order[place - 1], order[(place + 1) % len(order)]
    back = cells.link(address("proposal", here.choice, p=before), f"← {title(here, before)}", key="ArrowLeft")
    forth = cells.link(address("proposal", here.choice, p=after), f"{title(here, after)} →", key="ArrowRight")
    return f'<nav class="po-pager" aria-label="Propositions voisines">{back}{forth}</nav>'


def _header(proposal: Proposal) -> str:
    facts = [escape(proposal.sector)] if proposal.sector else []
    if proposal.bearers:
        facts.append(f"portée par {escape(french.listed(list(proposal.bearers)))}")
    if proposal.since is not None:
        facts.append(f"depuis le {french.day(proposal.since)}")
    statement = proposal.statement if proposal.statement != proposal.title else ""
    return (
        f'<h1 class="po-title">{escape(proposal.title)}</h1>'
        + (f'<p class="po-deck">{escape(statement)}</p>' if statement else "")
        + (f'<p class="po-small">{" · ".join(facts)}</p>' if facts else "")
    )


def _answer(row: ProposalRow, unit: str, rows: Sequence[ProposalRow]) -> str:
    share = row.corrected
    told = (
        f"Approuvée par <strong>{french.percent(share.share)}</strong> des {unit} qui prennent parti "
        f"({french.bounds(share.low, share.high)})"
    )
    told += worth.clause(row)
    if row.change is None:
        told += "La période précédente ne permet pas de comparer. "
    elif row.change.established:
        moved = french.signed_points(row.change.value)
        low, high = (french.number(100 * bound) for bound in (row.change.low, row.change.high))
        told += f"C'est {moved} depuis la période précédente (entre {low} et {high}). "
    else:
        told += "Pas de différence établie avec la période précédente. "
    ranked = sum(1 for each in rows if not each.masked)
    if row.rank is not None and ranked > 1:
        best, worst = french.ordinal(row.rank.best), french.ordinal(row.rank.worst)
        place = best if best == worst else f"entre le {best} et le {worst}"
        told += f"Rang : {place}, sur {ranked} propositions."
    return told


def _share_over_time(here: Here, row: ProposalRow, step: int, provenance: Provenance) -> None:
    window, name, unit = here.window, row.proposal.id, UNITS[here.window.weighting]
    found: list[CurvePoint] = here.desk.read(
        ("curve", name, window, here.k, step),
        lambda engine: curve(engine, name, window, here.k, here.confusion, step, here.tiers),
    )
    corrected = row.corrected.estimator not in ("declared", "raw")
    drawn = line(here, name, found, raw=corrected)
    st.html(f'<h2 class="po-h2">Part favorable parmi les {unit} qui prennent parti</h2>')

    def draw(palette: Palette, width: Width) -> list[Spec]:
        return [charts.curves([drawn], palette, simulated=here.simulated, width=width, height=320)]

    st.vega_lite_chart(draw(here.palette, "container")[0], theme=None, width="stretch")
    if note := cells.gap_note(charts.gaps(drawn.points)):
        st.html(note)
    known = [(each, each.corrected, each.raw) for each in found if each.corrected and each.raw]
    if known:
        last, share, raw = known[-1]
        when = french.period(last.day, last.until - timedelta(days=1))
        example = (
            f"{when[0].upper()}{when[1:]}, {french.percent(share.share)} des {unit} qui prennent parti sont favorables "
            f"({french.bounds(share.low, share.high)})."
        )
        if corrected:
            example += f" La ligne pointillée est ce que le modèle a compté : {french.percent(raw.share)}."
        st.html(cells.reading(example, worth.LIMITS[row.corrected.estimator]))
    heading = french.typeset(f"{row.proposal.title} : part favorable")
    offer(
        f"part-{name}",
        heading,
        CURVE_HEADER,
        exported_curve(row.proposal.title, found),
        draw,
        provenance,
        here.desk.now,
    )


def _volumes(here: Here, row: ProposalRow, step: int, provenance: Provenance) -> None:
    window, name = here.window, row.proposal.id
    found: list[MixPoint] = here.desk.read(
        ("mix", name, window, here.k, step), lambda engine: mix(engine, name, window, step, here.k)
    )
    ends = [*(each.day for each in found[1:]), window.until]
    buckets = [
        (each.day, end, each.favour, each.against, each.unclear)
        for each, end in zip(found, ends, strict=True)
        if not each.masked
    ]
    hidden = charts.gaps(
        [
            charts.Point(each.day, end, None, reason=each.masked)
            for each, end in zip(found, ends, strict=True)
            if each.masked
        ]
    )
    unit = UNITS[window.weighting]
    st.html(f'<h2 class="po-h2">Pour, contre, sans position nette ({unit})</h2>')

    def draw(palette: Palette, width: Width) -> list[Spec]:
        return [charts.stances(buckets, hidden, palette, simulated=here.simulated, width=width)]

    st.vega_lite_chart(draw(here.palette, "container")[0], theme=None, width="stretch")
    if buckets:
        day, end, favour, against, unclear = buckets[-1]
        when = french.period(day, end - timedelta(days=1))
        example = (
            f"{when[0].upper()}{when[1:]} : {french.number(rounded(favour))} pour, vers le haut ; "
            f"{french.number(rounded(against))} contre, vers le bas ; {french.number(rounded(unclear))} sans position "
            "nette, en gris."
        )
        st.html(
            cells.reading(
                example, "Ces volumes sont ce que le modèle a lu ou que les auteurs ont dit, sans correction."
            )
        )
    lines = exported_volumes(buckets, hidden)
    offer(
        f"volumes-{name}",
        french.typeset(f"{row.proposal.title} : volumes"),
        VOLUME_HEADER,
        lines,
        draw,
        provenance,
        here.desk.now,
    )


def _arguments(here: Here, name: str) -> None:
    window = here.window
    st.html('<h2 class="po-h2">Les arguments</h2>')
    columns = st.columns(2, gap="large")
    example = ""
    for column, stance, heading in zip(columns, (Stance.FAVOUR, Stance.AGAINST), ("Pour", "Contre"), strict=True):
        found = here.desk.read(
            ("arguments", name, stance, window, here.k),
            partial(_read_arguments, name=name, stance=stance, here=here),
        )
        with column:
            st.html(_side(here, found, stance, heading))
        if found.themes and not example:
            theme = found.themes[0]
            example = (
                f"{french.percent(theme.share)} des messages {french.quoted(SIDES[stance])} ont pour thème "
                f"{french.quoted(theme.label)}. Sous les thèmes, les messages les plus nets et les plus repris."
            )
    if example:
        st.html(cells.reading(example, "Un message choisi représente des mots, pas la personne qui les a écrits."))
    if not here.reads_texts:
        st.html('<p class="po-small">Ce profil voit des agrégats seulement : aucun texte de message n\'est montré.</p>')


def _read_arguments(engine: Engine, name: str, stance: Stance, here: Here) -> Arguments:
    return arguments(engine, name, stance, here.window, here.k)


def _side(here: Here, found: Arguments, stance: Stance, heading: str) -> str:
    told = f'<h3 class="po-h3 po-side {stance}">{heading}</h3>'
    if found.masked:
        return told + cells.mask(found.masked)
    counted = f"{french.count(rounded(found.posts), 'message')}, {french.count(rounded(found.voices), 'voix', 'voix')}"
    told += f'<p class="po-small">{counted}</p>'
    told += "".join(cells.bar(theme.share, f"var(--po-{stance})", theme.label) for theme in found.themes)
    if not found.themes:
        told += f'<p class="po-small">Aucun thème ne réunit {here.k} voix.</p>'
    if here.reads_texts:
        positions = [example.position for example in found.examples]
        known = here.desk.read(
            ("beside", tuple(each["id"] for each in positions)),
            lambda engine: engine.get("positions", beside(positions)),
        )
        told += "".join(card(example.position, known, copies=example.copies) for example in found.examples)
    return told


def _places(here: Here, name: str) -> None:
    window = here.window
    where = here.desk.read(("places", name, window, here.k), lambda engine: places(engine, name, window, here.k))
    links = here.desk.read(("links", name, window, here.k), lambda engine: shared_links(engine, name, window, here.k))
    left, right = st.columns(2, gap="large")
    with left:
        bars = "".join(cells.bar(share, "var(--po-unclear)", named(source)) for source, _, share in where)
        st.html(f'<h2 class="po-h2">Où l\'on en discute</h2>{bars or cells.mask(f"moins de {here.k} voix")}')
    with right:
        rows = [[escape(domain), french.number(rounded(posts))] for domain, posts in links]
        shown = cells.table([("Site", "wide"), ("Messages", "num")], rows, "Sites les plus partagés")
        empty = f'<p class="po-small">Aucun site n\'est partagé par au moins {here.k} voix.</p>'
        st.html(f'<h2 class="po-h2">Liens les plus partagés</h2>{shown if rows else empty}')


show("proposal", body)
