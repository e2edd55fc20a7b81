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
        assert more["model_kwargs"] == {"use_safetensors": True}

    def get_sentence_embedding_dimension(self):
        return 2

    def encode(self, texts, batch_size, **_):
        assert batch_size == 1, "beside others a text is padded, and its vector's last bits change"
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
