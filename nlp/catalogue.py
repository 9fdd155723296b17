"""The catalogue: which proposals to follow, as a YAML file that a communication team can edit."""

import difflib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from polyphonie.errors import ConfigurationError
from polyphonie.records import Proposal
from polyphonie.settings import read_yaml


def read_catalogue(path: Path) -> list[Proposal]:
    """The proposals listed under `proposals:`, in their order.

    Raises ConfigurationError that names the file, the proposal and the key: not YAML, an unknown key, a missing or
    wrong value, the same id twice.
    """
    content = read_yaml(path)
    for key in content:
        if key != "proposals":
            raise ConfigurationError(f"{path}: unknown key {key!r}{_nearest(key, ['proposals'])}")
    rows = content.get("proposals") or []
    if not isinstance(rows, list):
        raise ConfigurationError(f"{path}: `proposals:` must be a list, each entry beginning with `- id:`")
    proposals: dict[str, Proposal] = {}
    for place, row in enumerate(rows, 1):
        proposal = _proposal(row, f"{path}: proposal {place}")
        if proposal.id in proposals:
            raise ConfigurationError(f"{path}: proposal {place}: id {proposal.id!r} is already taken")
        proposals[proposal.id] = proposal
    return list(proposals.values())


def _proposal(row: Any, where: str) -> Proposal:
    if not isinstance(row, dict):
        raise ConfigurationError(f"{where}: expected `id:`, `title:` and `statement:`, got {row!r}")
    where = f"{where} ({row['id']})" if "id" in row else where
    for key in row:
        if key not in Proposal.model_fields:
            raise ConfigurationError(f"{where}: unknown key {key!r}{_nearest(str(key), list(Proposal.model_fields))}")
    try:
        return Proposal.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{where}: key {key!r}: {first['msg']} (got {first.get('input')!r})") from error


def _nearest(word: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else f"; known keys: {', '.join(known)}"
