"""The entry: `streamlit run dashboard/app.py`. Pages are files; what surrounds them is `dashboard.frame`."""

import streamlit as st

from polyphonie.errors import ConfigurationError
from polyphonie.settings import load

PAGES = (
    ("pages_/overview.py", "Vue d'ensemble", ""),
    ("pages_/proposals.py", "Propositions", "propositions"),
    ("pages_/proposal.py", "Une proposition", "proposition"),
    ("pages_/research.py", "Recherche", "recherche"),
    ("pages_/method.py", "Méthode et qualité", "methode"),
)
ANNOTATE = ("pages_/annotate.py", "Annoter", "annoter")


def reads_texts() -> bool:
    """Whether this tenant may label posts; a wrong setting is told by the page itself."""
    try:
        return load().dashboard.tenant == "research"
    except ConfigurationError:
        return False


st.set_page_config(page_title="Polyphonie", layout="wide", menu_items={})
offered = [ANNOTATE] if reads_texts() else []
st.navigation(
    [st.Page(path, title=title, url_path=url or None, default=not url) for path, title, url in (*PAGES, *offered)],
    position="hidden",
).run()
