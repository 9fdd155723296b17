"""The style sheet: the palette as custom properties, then `style.css`."""

from base64 import b64encode
from pathlib import Path

from dashboard.palette import Palette

CSS = Path(__file__).with_name("style.css")


def sheet(chosen: Palette) -> str:
    """One `<style>` element for a palette."""
    properties = {
        "paper": chosen.paper,
        "raised": chosen.raised,
        "ink": chosen.ink,
        "muted": chosen.muted,
        "rule": chosen.rule,
        "accent": chosen.accent,
        "favour": chosen.favour,
        "favour-text": chosen.favour_text,
        "against": chosen.against,
        "against-text": chosen.against_text,
        "unclear": chosen.unclear,
        "hatch": chosen.hatch,
        "serif": "'Iowan Old Style', 'Charter', 'Palatino Linotype', Georgia, 'Liberation Serif', serif",
        "wash": f"url(data:image/svg+xml;base64,{_wash(chosen)})",
    }
    root = "".join(f"--po-{name}:{value};" for name, value in properties.items())
    return f"<style>:root{{{root}}}{CSS.read_text(encoding='utf-8')}</style>"


def _wash(chosen: Palette) -> str:
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="430" height="300"><text x="20" y="200" font-size="46" '
        f'font-family="sans-serif" font-weight="700" fill="{chosen.ink}" transform="rotate(-18 215 150)">'
        "données simulées</text></svg>"
    )
    return b64encode(drawing.encode()).decode()
