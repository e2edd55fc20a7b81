"""Text behind one interface: hashed words by default, an embedder's vectors where one is named."""

import sys
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from rdl.database import open_database
from rdl.errors import ProjectError, UsageError
from rdl.graph import build_graph, graph_key
from rdl.graph.embedder import embed_texts, open_embedder
from rdl.project import open_project

SETTINGS = """
[database]
source = "data"
infer = false
[tables.notes]
key = "id"
types = { note = "text", mood = "categorical" }
"""
NAME = "some/model"


class Model:
    """As the library's, as far as it is used."""

    asked: ClassVar = []

    def __init__(self, name, **more):
        if name == "no/model":
            raise OSError("not found")
        assert more["trust_remote_code"] is False
        assert more["local_files_only"] is True
        assert more["model_kwargs"] == {"use_safetensors": True}

    def encode(self, texts, batch_size, **_):
        assert batch_size == 1, "beside others a text is padded, and its vector's last bits change"
        if texts != ["a"]:  # which is asked for its width
            self.asked.append(texts)
        return np.array([[len(text), text.count("a")] for text in texts], np.float64)


@pytest.fixture
def library(monkeypatch):
    monkeypatch.setattr(Model, "asked", [])
    monkeypatch.setitem(sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=Model))


def test__graph__with_an_embedder__keeps_vectors_of_texts(library, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "notes.csv").write_text("id,note,mood\n1,banana,good\n2,,bad\n3,banana,\n4,fig,good\n")
    (tmp_path / "rdl.toml").write_text(SETTINGS)
    database = open_database(open_project(tmp_path))
    hashed = build_graph(database, tmp_path / "graphs")
    assert (hashed.key, hashed.tables["notes"].names["text"]) == (graph_key(database), ("note",))
    notes = build_graph(database, tmp_path / "graphs", NAME).tables["notes"]
    assert (notes.names["text"], notes.names["vector"], notes.names["category"]) == ((), ("note", "note"), ("mood",))
    np.testing.assert_array_equal(notes.vector, np.float32([[6, 3], [np.nan, np.nan], [6, 3], [3, 0]]))
    assert Model.asked == [["banana", "fig"]]
    assert graph_key(database, NAME) != graph_key(database)


def test__nulls_only__ask_nobody(library):
    found = embed_texts(open_embedder(NAME), pa.array([None, " "], pa.string()))
    assert np.isnan(found).all()
    assert found.shape == (2, 2)
    assert Model.asked == []


def test__what_cannot_be_opened__is_refused_with_the_fix(library, monkeypatch):
    assert open_embedder("hashing") is None
    with pytest.raises(UsageError, match="no way to read text"):
        open_embedder("hash")
    with pytest.raises(ProjectError, match="cannot be read"):
        open_embedder("no/model")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UsageError, match=r"rdl\[text\]"):
        open_embedder(NAME)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A real model of the library, two small layers of random weights, in a folder."""
    pytest.importorskip("sentence_transformers", reason="rdl[text] is not installed")
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    letters = [chr(97 + place) for place in range(26)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertTokenizerFast(vocab_file=str(tmp_path / "vocab.txt")).save_pretrained(tmp_path / "model")
    BertModel(BertConfig(vocab_size=len(words), **shape)).save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


@pytest.mark.slow  # the library takes seconds to load
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test__a_real_model__gives_a_text_the_same_vector_in_any_company(folder):
    embedder = open_embedder(folder)
    assert embedder.width == 32
    texts = pa.array(["a short one", "one that is a good deal longer than all of the others", None, "a short one"])
    found = embed_texts(embedder, texts)
    np.testing.assert_array_equal(found[0], found[3])
    np.testing.assert_array_equal(found[:1], embedder.embed(["a short one"]))
    assert np.isnan(found[2]).all()
    assert np.abs(found[0] - found[1]).max() > 0.01
    with pytest.raises(ProjectError, match="cannot be read"):
        open_embedder("nobody/has-this-model")
