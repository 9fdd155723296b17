"""Colours, in light and in dark: Okabe and Ito's palette where hue matters, and lightness beside hue everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Colours of one appearance. `favour` and `against` fill marks; `_text` variants reach AA (4.5:1) on `paper`."""

    name: str
    paper: str
    raised: str
    ink: str
    muted: str
    rule: str
    accent: str
    favour: str
    favour_text: str
    against: str
    against_text: str
    unclear: str
    hatch: str
    series: tuple[str, ...]


LIGHT = Palette(
    name="light",
    paper="#ffffff",
    raised="#f6f5f2",
    ink="#16191d",
    muted="#5a6068",
    rule="#dcdad4",
    accent="#0a6675",
    favour="#0e7c8c",
    favour_text="#0a6675",
    against="#d96f0e",
    against_text="#a64f00",
    unclear="#878c93",
    hatch="#c9c7c1",
    # Okabe-Ito without its yellow, which nobody sees on white; its black is the ink.
    series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#16191d"),
)
DARK = Palette(
    name="dark",
    paper="#121417",
    raised="#1b1f24",
    ink="#e9e7e2",
    muted="#a2a7ae",
    rule="#33383f",
    accent="#5cc0cf",
    favour="#4fb3c4",
    favour_text="#6ccbd9",
    against="#f0a04b",
    against_text="#f4b066",
    unclear="#7d838b",
    hatch="#474d55",
    series=("#4ea3dc", "#f0803c", "#2fc596", "#dd98bd", "#8fd0f5", "#f0bc42", "#e9e7e2"),
)
DASHES: tuple[tuple[int, ...], ...] = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3))


def palette(appearance: str | None) -> Palette:
    """The palette of "light" or "dark"; light when the browser has not said."""
    return DARK if appearance == "dark" else LIGHT


def series_style(proposal: str, known: Sequence[str], chosen: Palette) -> tuple[str, tuple[int, ...]]:
    """(colour, dash) of a proposal: the same on every page, because it follows its place among all known ids.

    Seven colours by four dashes tell 28 proposals apart; an id that is not known takes the last style.
    """
    place = sorted(known).index(proposal) if proposal in known else len(chosen.series) * len(DASHES) - 1
    return chosen.series[place % len(chosen.series)], DASHES[place // len(chosen.series) % len(DASHES)]


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two #rrggbb colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    bright, dim = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
