"""The words of `polyphonie evaluate`: its answer as tables that a terminal, a mail or a ticket can hold."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_BAR = 20


def told(answer: Mapping[str, Any]) -> str:
    """The whole answer in words, the figure that matters first."""
    return "\n".join(
        [
            f"macro-F1 {_with(answer, 'macro_f1')} (favour and against), accuracy {_with(answer, 'accuracy')}, "
            f"{answer['n']:,} texts, {answer['abstained']:.1%} abstained — {answer['model']}",
            *_table("baselines, same texts", _COLUMNS, _parts(answer["baselines"])),
            *_table("how sure, how right", ("kept", "threshold", "texts", "accuracy"), _coverage(answer)),
            _threshold(answer),
            *_table("calibration", ("sure of", "texts", "on average", "right", ""), _reliability(answer)),
            f"calibration error {_with(answer, 'calibration_error')}; "
            f"true probabilities would show {_figure(answer['calibration_error_by_chance'])} by chance",
            *_table("by source", _COLUMNS, _parts(answer["by_source"])),
            *_table("by number of texts on the proposal", _COLUMNS, _parts(answer["by_size"])),
        ]
    )


_COLUMNS = ("", "texts", "macro-F1", "accuracy")


def _parts(parts: Mapping[str, Mapping[str, Any]]) -> Iterable[Sequence[str]]:
    for name, part in parts.items():
        macro_f1 = _figure(part["macro_f1"], part.get("macro_f1_interval") or part.get("interval"))
        yield name or "(not told)", f"{part['n']:,}", macro_f1, _with(part, "accuracy")


def _coverage(answer: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    for kept in answer["coverage"]:
        accuracy = _figure(kept["accuracy"], kept["interval"])
        yield f"{kept['coverage']:.0%}", f"{kept['threshold']:.3f}", f"{kept['n']:,}", accuracy


def _threshold(answer: Mapping[str, Any]) -> str:
    found = answer["threshold"]
    if found is None:
        return f"no threshold makes {answer['precision']:.0%} of the answers right"
    return (
        f"nlp.abstain_below: {found['threshold']:.3f} makes {_figure(found['accuracy'], found['interval'])} of the "
        f"answers right ({answer['precision']:.0%} asked for), and answers {found['coverage']:.1%} of the texts; "
        "its error rates are then no longer those of the shipped evaluation, and popularity is not corrected"
    )


def _reliability(answer: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    for row in answer["reliability"]:
        # A bar of what is right, and the place where it should end.
        bar = ["█" if place < round(row["accuracy"] * _BAR) else "·" for place in range(_BAR)]
        bar[min(_BAR - 1, round(row["confidence"] * _BAR))] = "|"
        yield (
            f"{row['start']:.1f}-{row['end']:.1f}",
            f"{row['n']:,}",
            _figure(row["confidence"]),
            _figure(row["accuracy"]),
            "".join(bar),
        )


def _with(part: Mapping[str, Any], name: str) -> str:
    return _figure(part[name], part.get(f"{name}_interval"))


def _figure(value: float, interval: Sequence[float] | None = None) -> str:
    if value != value:
        return "unknown"
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else f"{value:.3f}"


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The title, the names of the columns and the rows, aligned; nothing where there is no row."""
    lines = [tuple(columns), *map(tuple, rows)]
    if len(lines) == 1:
        return []
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    aligned = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
    return ["", f"{title}:", *(f"  {line}" for line in aligned)]
