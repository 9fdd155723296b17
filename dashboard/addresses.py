"""Addresses of pages: relative, so that the dashboard may live under any prefix, with the view always inside."""

from urllib.parse import urlencode

from dashboard.view import Choice

PAGES = {
    "overview": ("Vue d'ensemble", "./"),
    "proposals": ("Propositions", "propositions"),
    "proposal": ("Une proposition", "proposition"),
    "research": ("Recherche", "recherche"),
    "annotate": ("Annoter", "annoter"),
    "method": ("Méthode et qualité", "methode"),
}


def address(page: str, choice: Choice, /, **parameters: str) -> str:
    """Address of a page (a key of PAGES) that keeps the view; empty parameters are left out."""
    written = choice.query() | {name: value for name, value in parameters.items() if value}
    path = PAGES[page][1]
    return f"{path}?{urlencode(written, safe='~,.')}" if written else path
