"""The entry: `streamlit run dashboard/app.py`. Pages are files; what surrounds them is `dashboard.frame`."""

import streamlit as st

PAGES = (
    ("pages_/overview.py", "Vue d'ensemble", ""),
    ("pages_/proposals.py", "Propositions", "propositions"),
    ("pages_/proposal.py", "Une proposition", "proposition"),
    ("pages_/research.py", "Recherche", "recherche"),
    ("pages_/method.py", "Méthode et qualité", "methode"),
)

st.set_page_config(page_title="Polyphonie", layout="wide", menu_items={})
st.navigation(
    [st.Page(path, title=title, url_path=url or None, default=not url) for path, title, url in PAGES],
    position="hidden",
).run()
