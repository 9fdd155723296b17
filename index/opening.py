"""Opens the engine that the settings name; the only place of this room that knows them."""

from pydantic import SecretStr

from index.embedded import EmbeddedEngine
from index.engine import Engine
from polyphonie.settings import Settings


def open_engine(settings: Settings) -> Engine:
    """The engine, ready; nothing is asked of a server before the first call. Raises ConfigurationError."""
    if settings.engine == "embedded":
        return EmbeddedEngine(settings.index_path)
    # Its client takes most of a second to import, and most homes have none.
    from index.elastic import ElasticEngine

    chosen = settings.elasticsearch
    return ElasticEngine(
        chosen.url,
        chosen.prefix,
        username=chosen.username,
        password=_plain(chosen.password),
        api_key=_plain(chosen.api_key),
        ca_certs=chosen.ca_certs,
        timeout_s=chosen.timeout_s,
        max_retries=chosen.max_retries,
    )


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
