"""French writing of numbers, dates and durations, as a careful newspaper prints them."""

import math
import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

THIN = "\u202f"  # narrow no-break space: thousands, before %, inside guillemets
BOUND = "\u00a0"  # no-break space: between a number and what it counts, before a colon
PARIS = ZoneInfo("Europe/Paris")
MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip
SHORT_MONTHS = ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.")


def number(value: float, digits: int = 0) -> str:
    """1234.5 -> « 1 234,5 »; « – » when unknown. The minus is a real minus."""
    if math.isnan(value):
        return "–"
    text = f"{abs(value):,.{digits}f}".replace(",", THIN).replace(".", ",")
    is_zero = not any(character in "123456789" for character in text)
    return text if value >= 0 or is_zero else f"\u2212{text}"


def percent(share: float) -> str:
    """0.613 -> « 61 % »: never more precise than an interval is."""
    return "–" if math.isnan(share) else f"{number(100 * share)}{THIN}%"


def bounds(low: float, high: float) -> str:
    """(0.57, 0.65) -> « entre 57 et 65 »."""
    return f"entre {number(100 * low)} et {number(100 * high)}"


def signed_points(value: float) -> str:
    """0.041 -> « +4 points »; 0.004 -> « 0 point »."""
    rounded = round(100 * value)
    sign = "+" if rounded > 0 else ""
    return f"{sign}{number(rounded)}{BOUND}point{'s' if abs(rounded) > 1 else ''}"


def count(value: float, noun: str, plural: str | None = None) -> str:
    """(1234, "message") -> « 1 234 messages »; from 2 upwards French is plural."""
    named = noun if abs(round(value)) < 2 else (plural if plural is not None else f"{noun}s")
    return f"{number(value)}{BOUND}{named}"


def every(days: int) -> str:
    """1 -> « chaque jour », 7 -> « tous les 7 jours »."""
    return "chaque jour" if days == 1 else f"tous les {count(days, 'jour')}"


def typeset(text: str) -> str:
    """Spaces that must not break: before « : ; ? ! % » » and after « « »."""
    joined = re.sub(r" (?=[;?!%»])", THIN, text)
    return re.sub(r" (?=:(?: |$))", BOUND, joined).replace("« ", f"«{THIN}")


def quoted(text: str) -> str:
    """« texte », with the spaces that belong inside."""
    return f"«{THIN}{text}{THIN}»"


def day(moment: date, year: bool = True) -> str:
    """« 3 mars 2026 », « 1er mars »."""
    ordinal = "1er" if moment.day == 1 else str(moment.day)
    return f"{ordinal} {MONTHS[moment.month - 1]}" + (f" {moment.year}" if year else "")


def short_day(moment: date) -> str:
    """« 3 mars », « 14 févr. »: for the tick of an axis."""
    return f"{'1er' if moment.day == 1 else moment.day} {SHORT_MONTHS[moment.month - 1]}"


def period(first: date, last: date) -> str:
    """Both days included: « du 3 au 9 mars 2026 », « du 28 février au 3 mars 2026 », « le 3 mars 2026 »."""
    if first == last:
        return f"le {day(first)}"
    if (first.year, first.month) == (last.year, last.month):
        return f"du {'1er' if first.day == 1 else first.day} au {day(last)}"
    return f"du {day(first, year=first.year != last.year)} au {day(last)}"


def instant(moment: datetime) -> str:
    """« 3 mars 2026, 14 h 05 », in Paris time."""
    local = moment.astimezone(PARIS)
    return f"{day(local.date())}, {clock(moment)}"


def clock(moment: datetime) -> str:
    """« 14 h 05 », in Paris time."""
    local = moment.astimezone(PARIS)
    return f"{local.hour}{BOUND}h{BOUND}{local.minute:02d}"


def duration(span: timedelta) -> str:
    """« 40 s », « 12 min », « 5 h », « 3 jours », « 7 ans »: one unit is enough to judge an age."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds}{BOUND}s"
    if seconds < 3600:
        return f"{seconds // 60}{BOUND}min"
    if seconds < 2 * 86_400:
        return f"{seconds // 3600}{BOUND}h"
    days = seconds // 86_400
    if days < 60:
        return f"{days}{BOUND}jours"
    if days < 730:
        return f"{days // 30}{BOUND}mois"
    return f"{days // 365}{BOUND}ans"


def ago(moment: datetime, now: datetime | None = None) -> str:
    """« il y a 3 h »."""
    return f"il y a {duration((now or datetime.now(UTC)) - moment)}"


def likelihood(probability: float) -> str:
    """Words for the probability that A is ahead of B: « très probable » from 95 %, « probable » from 80 %."""
    if probability >= 0.95:
        return "très probable"
    return "probable" if probability >= 0.8 else ""


def ordinal(rank: int) -> str:
    """1 -> « 1er », 4 -> « 4e »."""
    return "1er" if rank == 1 else f"{rank}e"


def listed(words: list[str]) -> str:
    """« a, b et c »."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} et {words[-1]}" if words else ""
