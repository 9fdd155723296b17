"""The top bar: period, sources, sector, weighting, origin. The address holds its state; widgets only write to it."""

from collections.abc import Sequence
from datetime import date, timedelta

import streamlit as st

from dashboard.platforms import named
from dashboard.view import ORIGIN_LABELS, PERIODS, SEPARATOR, WEIGHTING_LABELS, Choice
from measures.window import View


def draw(choice: Choice, window: View, sources: Sequence[str], sectors: Sequence[str]) -> None:
    """The five controls. Before each is drawn it takes the value of the address, so that both always agree."""
    state = st.session_state
    state["periode"], state["ponderation"], state["origine"] = choice.period, choice.weighting, choice.origin
    state["sources"], state["secteurs"] = list(choice.sources), list(choice.sectors)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="po-top"):
        st.segmented_control(
            "Période", list(PERIODS), format_func=PERIODS.__getitem__, key="periode", required=True,
            on_change=_period_chosen, args=(window,),
        )  # fmt: skip
        if choice.period == "dates":
            state["dates"] = (window.since, window.until - timedelta(days=1))
            st.date_input("Dates", key="dates", format="DD/MM/YYYY", on_change=_dates_chosen, width=230)
        st.multiselect(
            "Sources",
            sources,
            format_func=named,
            key="sources",
            placeholder="toutes",
            on_change=_several,
            args=("sources",),
            width=230,
        )
        if sectors:
            st.multiselect(
                "Secteur",
                sectors,
                key="secteurs",
                placeholder="tous",
                on_change=_several,
                args=("secteurs",),
                width=200,
            )
        for name, label, options in (
            ("ponderation", "Pondération", WEIGHTING_LABELS),
            ("origine", "Origine", ORIGIN_LABELS),
        ):
            st.selectbox(
                label, list(options), format_func=options.__getitem__, key=name, on_change=_one, args=(name,), width=130
            )


def show_everything() -> None:
    """Widen the period to all there is."""
    st.query_params["periode"] = "tout"


def _period_chosen(window: View) -> None:
    chosen = st.session_state["periode"]
    if chosen == "dates":
        _write_dates(window.since, window.until - timedelta(days=1))
    else:
        _write("periode", "" if chosen == "30j" else chosen)


def _dates_chosen() -> None:
    chosen = st.session_state["dates"]
    if len(chosen) == 2:  # one date only: the second click is still to come
        _write_dates(*chosen)


def _write_dates(first: date, last: date) -> None:
    st.query_params["periode"] = f"{first.isoformat()}..{last.isoformat()}"


def _several(name: str) -> None:
    _write(name, SEPARATOR.join(st.session_state[name]))


def _one(name: str) -> None:
    default = {"ponderation": "voix", "origine": "toutes"}[name]
    chosen = st.session_state[name]
    _write(name, "" if chosen == default else chosen)


def _write(name: str, value: str) -> None:
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)
