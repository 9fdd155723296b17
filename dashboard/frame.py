"""What surrounds every page: masthead, top bar, written states, footer. A page is a function of what stands `Here`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from html import escape
from pathlib import Path

import streamlit as st

from dashboard import bar, cells, french
from dashboard.addresses import PAGES, address
from dashboard.desk import Desk
from dashboard.memory import Memory
from dashboard.palette import Palette, palette
from dashboard.platforms import is_simulated
from dashboard.provenance import Provenance, footer
from dashboard.style import sheet
from dashboard.view import Choice, read
from index.engine import Engine
from index.opening import open_engine
from measures.disclosure import rounded
from measures.drift import widened
from measures.drifting import Seen, kept_shifts, shifts_path
from measures.evidence import read_proposals
from measures.placing import read_tiers
from measures.popularity import Confusion
from measures.quality import SourceHealth, confusion_from, health
from measures.tiers import NO_LABELS, Tiers
from measures.window import View
from nlp.quality import STANCE
from polyphonie.errors import EngineUnreachable, PolyphonieError
from polyphonie.labels import labels_path
from polyphonie.records import Proposal
from polyphonie.settings import Settings, load

ROOM = Path(__file__).parent
MEND_SETTINGS = (
    "Un réglage est inconnu ou mal écrit. Corrigez le fichier <code>settings.yaml</code> ou la variable "
    "d'environnement nommés ci-dessous, puis rechargez la page."
)
MEND_INDEX = "Vérifiez le dossier ou l'adresse de l'index et ses droits d'accès, puis rechargez la page."
MEND_VIEW = "Changez la période ou les filtres ; si cela persiste, transmettez le détail à qui administre l'outil."


@dataclass(frozen=True)
class Here:
    """Where a page stands: who looks, at what, and with what to read."""

    settings: Settings
    desk: Desk
    choice: Choice
    window: View
    palette: Palette
    proposals: Mapping[str, Proposal]
    health: tuple[SourceHealth, ...]
    confusion: Confusion | None
    model: str
    tiers: Tiers = NO_LABELS
    shifts: tuple[Seen, ...] = ()  # since days of this window or before: the confusion is the wider for it
    about: tuple[str, ...] = ()  # sources of the one thing that is looked at, where there is one

    @property
    def k(self) -> int:
        return self.settings.privacy.k

    @property
    def reads_texts(self) -> bool:
        """A campaign sees aggregates only."""
        return self.settings.dashboard.tenant == "research"

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources of this view that have anything in its days; all the chosen ones when none has."""
        if self.about:
            return self.about
        chosen = [each for each in self.health if not self.choice.sources or each.source in self.choice.sources]
        inside = [
            each.source
            for each in chosen
            if each.first
            and each.last
            and each.first.date() < self.window.until
            and each.last.date() >= self.window.since
        ]
        return tuple(inside or [each.source for each in chosen])

    @property
    def simulated(self) -> bool:
        return any(is_simulated(source) for source in self.sources)

    def narrowed(self, sources: Sequence[str]) -> "Here":
        """The same place, about some sources only; where everything is asked for, on the days that they have."""
        here = replace(self, about=tuple(sorted(set(sources))))
        seen = [each for each in self.health if each.source in sources and each.first and each.last]
        if self.choice.period != "tout" or not seen:
            return here
        since = min(each.first.date() for each in seen if each.first)
        until = max(each.last.date() for each in seen if each.last) + timedelta(days=1)
        return replace(here, window=replace(self.window, since=since, until=until))

    def provenance(self, voices: float | None = None, posts: float | None = None, over: int | None = 1) -> Provenance:
        """Where the figures of this view come from."""
        newest = max((each.last for each in self.health if each.source in self.sources and each.last), default=None)
        last = date.fromordinal(self.window.until.toordinal() - 1)
        return Provenance(self.sources, self.window.since, last, voices, posts, newest, self.model, over)


Body = Callable[[Here], Provenance]


def show(page: str, body: Body, *, needs_window: bool = True) -> None:
    """Draw a page inside the frame. body: draws it, and returns the provenance of what it drew.

    needs_window: the body has nothing to say about a period without any record.
    """
    chosen = palette(st.context.theme.type)
    st.html(sheet(chosen))
    st.html(f"<script>{(ROOM / 'keys.js').read_text(encoding='utf-8')}</script>", unsafe_allow_javascript=True)
    now = datetime.now(UTC)
    try:
        settings = load()
    except PolyphonieError as error:
        _masthead(page, Choice(), False)
        st.html(_trouble("La configuration ne peut pas être lue", MEND_SETTINGS, error))
        return
    desk = Desk(_memory(), lambda: _engine(settings), _place(settings), now)
    here: Here | None = None
    try:
        here = _arrive(settings, desk, chosen, page)
    except EngineUnreachable:
        _masthead(page, read(dict(st.query_params))[0], False)
        st.html(_silent(settings, desk, now))
    except PolyphonieError as error:
        _masthead(page, read(dict(st.query_params))[0], False)
        st.html(_trouble("L'index ne peut pas être ouvert", MEND_INDEX, error))
    if here is None:
        st.html(footer(None, now, address("method", Choice())))
        return
    stale = st.empty()
    try:
        # Shown only when reading takes more than half a second.
        with st.spinner(
            f"Lecture de {french.count(rounded(sum(each.positions for each in here.health)), 'position')}…"
        ):
            provenance = here.provenance() if needs_window and not _has_records(here) else body(here)
    except EngineUnreachable:
        st.html(_silent(settings, desk, now))
        provenance = here.provenance()
    except PolyphonieError as error:
        st.html(_trouble("Cette vue ne peut pas être calculée", MEND_VIEW, error))
        provenance = here.provenance()
    if desk.oldest is not None:
        stale.html(_old(settings, desk))
    st.html(footer(provenance, now, address("method", here.choice)))


def _arrive(settings: Settings, desk: Desk, chosen: Palette, page: str) -> Here | None:
    """Read what every page needs and draw what stands above it; None when there is nothing at all to show."""
    found = tuple(desk.read("health", lambda engine: health(engine, desk.now)))
    proposals = desk.read("proposals", read_proposals)
    sources = [each.source for each in found]
    sectors = sorted({each.sector for each in proposals.values() if each.sector})
    choice, notices = read(dict(st.query_params), sources, sectors)
    days = [moment.date() for each in found for moment in (each.first, each.last) if moment is not None]
    extent = (min(days), max(days)) if days else None
    window = choice.window(desk.now.date(), extent)
    simulated = any(is_simulated(source) for source in choice.sources or sources)
    _masthead(page, choice, simulated, annotates=settings.dashboard.tenant == "research")
    if extent is None:
        st.html(cells.notice("Aucune donnée pour l'instant", _how_to_begin(settings)))
        return None
    bar.draw(choice, window, sources, sectors)
    for text in notices:
        st.html(cells.notice("Une partie de l'adresse a été ignorée", escape(text)))
    models = desk.read("models", _models)
    tiers = desk.read("tiers", lambda _: read_tiers(labels_path(settings.home), settings.privacy.epoch_days))
    looked = desk.read("shifts", lambda _: kept_shifts(shifts_path(settings.home)))
    shifts = tuple(looked.bears_on(window.until)) if looked else ()
    evaluated = _confusion(settings.nlp.stance_model, settings.nlp.abstain_below)
    confusion = widened(evaluated, [each.shift for each in shifts]) if evaluated else None
    return Here(settings, desk, choice, window, chosen, proposals, found, confusion, models, tiers, shifts)


def _has_records(here: Here) -> bool:
    """Whether this period can hold anything; else says when records exist and offers to see them."""
    inside = [each for each in here.health if each.source in here.sources and each.first and each.last]
    first = min((each.first.date() for each in inside if each.first), default=None)
    last = max((each.last.date() for each in inside if each.last), default=None)
    if first is None or last is None or (first < here.window.until and last >= here.window.since):
        return True
    shown = french.period(here.window.since, date.fromordinal(here.window.until.toordinal() - 1))
    exist = french.period(first, last)
    nothing(here, f"Aucune donnée {shown}", f"Les données de ces sources vont {exist}.")
    return False


def nothing(here: Here, title: str, text: str) -> None:
    """A written empty state, with the button that shows the whole period."""
    st.html(cells.notice(title, escape(text)))
    if here.choice.period != "tout":
        st.button("Voir toute la période", on_click=bar.show_everything, key="voir-tout", type="primary")


def _masthead(page: str, choice: Choice, simulated: bool, *, annotates: bool = False) -> None:
    hidden = {"proposal", "annotate"} - {page} - ({"annotate"} if annotates else set())
    links = [
        cells.link(address(name, choice), title, current=name == page, key="/" if name == "research" else "")
        for name, (title, _) in PAGES.items()
        if name not in hidden
    ]
    mark = '<span class="po-simulated">données simulées</span>' if simulated else ""
    wash = '<div class="po-behind" aria-hidden="true"></div>' if simulated else ""
    home = f'<a class="po-name" data-soft href="{escape(address("overview", choice))}">Polyphonie</a>'
    st.html(f'{wash}<header class="po-mast">{home}<nav aria-label="Pages">{"".join(links)}</nav>{mark}</header>')


def _trouble(title: str, advice: str, error: PolyphonieError) -> str:
    """An error in French, with what to do (HTML); the line that the command line would print is its detail."""
    return cells.notice(title, f"{advice}<br>Détail : <code lang=en>{escape(str(error))}</code>", "error")


def _silent(settings: Settings, desk: Desk, now: datetime) -> str:
    since = desk.memory.down_since or now
    text = (
        f"L'index à l'adresse <code>{escape(_place(settings))}</code> ne répond pas depuis le "
        f"{escape(french.instant(since))}. Aucune vue n'en a été gardée depuis le démarrage. "
        "Vérifiez qu'il est démarré, puis rechargez la page."
    )
    return cells.notice("L'index ne répond pas", text, "error")


def _old(settings: Settings, desk: Desk) -> str:
    if desk.oldest is None or desk.oldest.down_since is None:
        return ""
    text = (
        f"L'index à l'adresse <code>{escape(_place(settings))}</code> ne répond pas depuis le "
        f"{escape(french.instant(desk.oldest.down_since))}. Ceci est la dernière vue connue, "
        f"lue le {escape(french.instant(desk.oldest.at))}."
    )
    return cells.notice("Vue ancienne", text, "stale")


def _place(settings: Settings) -> str:
    return settings.elasticsearch.url if settings.engine == "elasticsearch" else str(settings.index_path)


def _how_to_begin(settings: Settings) -> str:
    return (
        f"Rien n'a encore été indexé dans <code>{escape(str(settings.home))}</code>.<br>"
        "Pour importer un export : <code>polyphonie import FICHIER</code>, puis <code>polyphonie enrich</code> et "
        "<code>polyphonie measure</code>.<br>Pour essayer avec des données simulées : <code>polyphonie demo</code>."
    )


def _models(engine: Engine) -> str:
    answer = engine.aggregate("positions", {"models": {"terms": {"field": "model", "size": 5}}})
    return ", ".join(bucket["key"] for bucket in answer["models"]["buckets"] if bucket["key"])


@st.cache_resource
def _memory() -> Memory:
    return Memory()


# The settings themselves are the key: as text, two passwords would look alike.
@st.cache_resource(show_spinner=False, hash_funcs={Settings: hash})
def _engine(settings: Settings) -> Engine:
    return open_engine(settings)


@st.cache_resource(show_spinner=False)
def _confusion(model: str, abstain_below: float) -> Confusion | None:
    return confusion_from(model, abstain_below, STANCE)
