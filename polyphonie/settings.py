"""Settings: defaults, then `configs/settings.yaml`, then `HOME/settings.yaml`, then POLYPHONIE_* in the environment.

Read once at the edge (the command line, the dashboard) and passed down as values. An unknown key is an error that
names it and the nearest known one.
"""

import difflib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from polyphonie.errors import ConfigurationError

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
PREFIX = "POLYPHONIE_"
# Read elsewhere than in the settings, so not unknown here.
OTHER_VARIABLES = ("POLYPHONIE_HOME", "POLYPHONIE_TEST_")


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ElasticsearchSettings(Section):
    url: str = Field("http://127.0.0.1:9200", description="Address of a node, or several separated by commas.")
    prefix: str = Field("polyphonie", description="What every index and alias name begins with.")
    username: str | None = Field(None, description="User, where the cluster asks for one.")
    password: SecretStr | None = Field(None, description="Password of that user; better in the environment.")
    api_key: SecretStr | None = Field(None, description="API key, instead of a user and a password.")
    ca_certs: Path | None = Field(None, description="Certificate authority of the cluster, a PEM file.")
    timeout_s: float = Field(30.0, gt=0, description="Seconds before a request is given up.")
    max_retries: int = Field(5, ge=1, description="Times a refused bulk item is sent again before quarantine.")


class PrivacySettings(Section):
    k: int = Field(11, ge=10, description="Fewest voices that anything shown or exported may speak of.")
    epoch_days: int = Field(7, ge=1, le=31, description="Days for which one person keeps one voice on a proposal.")
    retention_days: int = Field(30, ge=1, le=30, description="Days after which raw text goes; consultations excepted.")
    public_figures: tuple[str, ...] = Field((), description="Signed list of the handles that texts may keep.")


class SpoolSettings(Section):
    capacity: int = Field(1_000_000, ge=1_000, description="Waiting items beyond which sources must wait.")


class CrawlSettings(Section):
    contact: str = Field("", description="Page or mailto: where the sites that are crawled can reach you; no default.")


class NlpSettings(Section):
    stance_model: str = Field("polyphonie/stance-fr", description="Shipped model, a local folder, or a hub name.")
    stance_backend: Literal["onnx", "torch"] = Field("onnx", description="What runs the stance model.")
    embedding_model: str = Field("use-multilingual-v3", description="Sentence embeddings for matching and topics.")
    batch_size: int = Field(512, ge=1, description="Posts enriched and committed together.")
    threads: int = Field(0, ge=0, description="Threads for models; 0 takes every core.")
    match_threshold: Annotated[float, Field(ge=0, le=1)] = Field(0.5, description="Match score to keep a pair.")
    abstain_below: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="Top probability under which a stance is unclear; 0 always takes the likeliest."
    )
    topics: bool = Field(True, description="Discover and assign topics.")


class ReadersSettings(Section):
    address: str | None = Field(
        None, description="OpenAI-compatible address of a language model, up to /v1; none: off."
    )
    model: str | None = Field(None, description="Name that the server at that address gives to its model.")
    key: SecretStr | None = Field(None, description="Key of that server; better in the environment.")
    allow_remote: bool = Field(False, description="Whether scrubbed texts may be sent to another machine.")
    nli: str | None = Field(None, description="NLI or stance classifier, a local folder or a hub name; none: off.")
    timeout_s: float = Field(60.0, gt=0, description="Seconds before a question is asked again.")
    retries: int = Field(4, ge=0, description="Times a question is asked again before the run stops.")
    at_once: int = Field(1, ge=1, le=64, description="Questions asked at the same time.")
    max_tokens: int = Field(32, ge=8, description="Longest answer; thousands for a model that thinks aloud.")
    budget: int = Field(2_000, ge=1, description="Most posts that one run gives a reader.")


class DashboardSettings(Section):
    port: int = Field(8501, ge=1, le=65_535, description="Port of the dashboard on 127.0.0.1.")
    tenant: Literal["campaign", "research"] = Field("research", description="`campaign` sees aggregates only.")


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    home: Path = Field(description="Folder of everything that a run keeps.")
    engine: Literal["embedded", "elasticsearch"] = Field("embedded", description="Where records are indexed.")
    elasticsearch: ElasticsearchSettings = ElasticsearchSettings()
    privacy: PrivacySettings = PrivacySettings()
    spool: SpoolSettings = SpoolSettings()
    crawl: CrawlSettings = CrawlSettings()
    nlp: NlpSettings = NlpSettings()
    readers: ReadersSettings = ReadersSettings()
    dashboard: DashboardSettings = DashboardSettings()
    catalogue: Path | None = Field(None, description="YAML of the proposals to follow; default HOME/proposals.yaml.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (the signature is pydantic's)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The environment wins over the files, which `load` passes as initial values.
        return env_settings, init_settings

    @property
    def keys(self) -> Path:
        return self.home / "keys"

    @property
    def spool_path(self) -> Path:
        return self.home / "spool.sqlite"

    @property
    def index_path(self) -> Path:
        return self.home / "index"

    @property
    def archive_path(self) -> Path:
        return self.home / "archive"

    @property
    def models_path(self) -> Path:
        return self.home / "models"

    @property
    def catalogue_path(self) -> Path:
        if self.catalogue is not None:
            return self.catalogue
        own = self.home / "proposals.yaml"
        return own if own.exists() else CONFIGS / "proposals.yaml"


def default_home() -> Path:
    """POLYPHONIE_HOME, else the XDG data folder."""
    if home := os.environ.get("POLYPHONIE_HOME"):
        return Path(home).expanduser().resolve()
    return Path(os.environ.get("XDG_DATA_HOME", "~/.local/share")).expanduser() / "polyphonie"


def load(home: Path | None = None) -> Settings:
    """Every layer merged and checked. Raises ConfigurationError, one line, naming the file or variable and the key."""
    home = (home or default_home()).expanduser().resolve()
    merged: dict[str, Any] = {}
    for path in (CONFIGS / "settings.yaml", home / "settings.yaml"):
        layer = read_yaml(path) if path.exists() else {}
        _refuse_unknown(layer, path)
        merged = _merge(merged, layer)
    _refuse_unknown_variables()
    try:
        # POLYPHONIE_HOME is also a setting by its name, and would win over a home that was asked for.
        return Settings(**(merged | {"home": home})).model_copy(update={"home": home})
    except ValidationError as error:
        first = error.errors(include_input=False)[0]  # a password may be in it
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"setting {where}: {first['msg']}") from error
    except SettingsError as error:
        raise ConfigurationError(f"environment: {error}; lists and sections are written in JSON") from error


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping; raises ConfigurationError naming the file and the line."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"{path}: cannot be read as YAML: {reason}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: expected `key: value` lines at the top")
    return content


def known_keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every setting as a dotted path, sections included."""
    for name, field in model.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from known_keys(field.annotation, f"{prefix}{name}.")


def _refuse_unknown(layer: dict[str, Any], path: Path) -> None:
    known = set(known_keys()) - {"home"}
    for key in _dotted(layer):
        if key not in known:
            raise ConfigurationError(f"{path}: unknown key {key!r}{_nearest(key, known)}")


def _refuse_unknown_variables() -> None:
    known = {PREFIX + key.upper().replace(".", "__") for key in known_keys()}
    for variable in os.environ:
        if variable.startswith(PREFIX) and not variable.startswith(OTHER_VARIABLES) and variable.upper() not in known:
            raise ConfigurationError(f"environment: unknown variable {variable}{_nearest(variable, known)}")


def _dotted(layer: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in layer.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{key}.")


def _nearest(word: str, known: set[str]) -> str:
    nearest = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        merged[key] = (
            _merge(merged[key], value) if isinstance(merged.get(key), dict) and isinstance(value, dict) else value
        )
    return merged
