"""Free text as vectors: one interface, with a language model behind it where one is asked for.

By default texts are kept as hashes of their words, which networks learn vectors for; that needs no model and no download. With an
embedder, a text column is kept as the vectors that the embedder gives, like any given embedding.
"""

import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from rdl.errors import ProjectError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

HASHING = "hashing"

_MODEL = re.compile(r"[\w.-]+/[\w.-]+")
_FIX = (
    f"use {HASHING!r}, the full path of a model's folder, or the name of a sentence-transformers model that is on this machine "
    "(hf download sentence-transformers/all-MiniLM-L6-v2)"
)


class TextEmbedder(Protocol):
    """Turns texts into vectors, the same text always into the same one.

    Attributes:
        name: tells it from every other embedder; it is part of a graph's key.
        width: how many numbers a vector has.
    """

    name: str
    width: int

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """float32[n, width]."""
        ...


class SentenceEmbedder:
    """A model of the sentence-transformers library, on the CPU, by name or by its folder's full path.

    It must be on this machine: nothing is downloaded. Weights are read from safetensors, and no code of a model is run.

    Raises UsageError where the library is not installed, ProjectError where there is no such model.
    """

    def __init__(self, name: str) -> None:
        try:
            library: Any = import_module("sentence_transformers")
        except ImportError as error:
            raise UsageError(
                f"text = {name!r} needs sentence-transformers", where="[database]", fix="pip install 'rdl[text]'"
            ) from error
        try:
            self._model: Any = library.SentenceTransformer(
                name,
                device="cpu",
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError) as error:
            raise ProjectError(f"the text model {name!r} cannot be read: {error}", where="[database] text", fix=_FIX) from error
        self.name, self.width = name, int(self._model.encode(["a"], batch_size=1, show_progress_bar=False).shape[1])

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """float32[n, width]; each text alone, for what it is padded to and stands beside would change its last bits."""
        found = self._model.encode(list(texts), batch_size=1, convert_to_numpy=True, show_progress_bar=False)
        return np.asarray(found, np.float32).reshape(len(texts), self.width)


def open_embedder(name: str) -> TextEmbedder | None:
    """The embedder called `name`; None for "hashing". UsageError for what is neither a model's name nor a full path."""
    if name == HASHING:
        return None
    if not (_MODEL.fullmatch(name) or Path(name).is_absolute()):
        raise UsageError(f"text = {name!r} is no way to read text", where="[database]", fix=_FIX)
    return SentenceEmbedder(name)


def embed_texts(embedder: TextEmbedder, texts: "pa.Array") -> npt.NDArray[np.float32]:
    """float32[n, width] of a string column, every different text embedded once; NaN where null or empty."""
    coded = texts.dictionary_encode()
    different = ["" if text is None else text for text in coded.dictionary.to_pylist()]
    vectors = np.full((len(different) + 1, embedder.width), np.nan, np.float32)
    spoken = [place for place, text in enumerate(different) if text.strip()]
    if spoken:
        vectors[spoken] = embedder.embed([different[place] for place in spoken])
    codes = coded.indices.fill_null(len(different)).to_numpy(zero_copy_only=False)
    return np.asarray(vectors[codes])
