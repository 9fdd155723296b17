"""The base of every native payload: typed, ignores what we do not need, and never shows what it holds."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from polyphonie.errors import PayloadError


class Payload(BaseModel):
    """A platform adds fields without notice, so unknown ones are ignored; identities are in here, so no repr."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    @classmethod
    def read(cls, native: Mapping[str, Any]) -> Self:
        """The payload, or PayloadError naming the first wrong field, never its content."""
        try:
            return cls.model_validate(native)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise PayloadError(f"{field}: {first['type'].replace('_', ' ')}") from None

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return []
