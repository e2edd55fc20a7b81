"""Hashes are stable: across processes, machines, chunks, and the two ways of computing them."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.graph.hashing import NULL, hash_text, hash_value, hash_values, hash_words


def column(*values):
    return pa.chunked_array([pa.array(values, pa.string())])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 2872998923), ("shop.status=paid", 2313005949), ("größe=日本", 352973494)],
)
def test__hash__known_texts__are_golden(text, expected):
    assert hash_text(text) == expected


@given(st.lists(st.one_of(st.none(), st.text(max_size=20)), max_size=20), st.integers(0, 5))
def test__hash_values__compiled__equals_python(values, start):
    whole = pa.array(values, pa.string())
    chunks = pa.chunked_array([whole[:start], whole[start:]])
    expected = [NULL if v is None else hash_value("shop", "status", v) for v in values]
    assert hash_values("shop", "status", chunks).tolist() == expected


def test__hash_values__same_value_in_another_column_or_table__differs():
    hashes = {int(hash_values(t, c, column("x"))[0]) for t in ("a", "b") for c in ("c", "d")}
    assert len(hashes) == 4


def test__hash_values__ten_thousand_values__fill_buckets_evenly():
    hashes = hash_values("t", "c", column(*map(str, range(10_000))))
    assert len(np.unique(hashes)) == 10_000
    load = np.bincount(hashes % 64, minlength=64)
    assert ((load - 156.25) ** 2 / 156.25).sum() < 103.5  # chi-square, 63 degrees, p = 0.001


def test__hash_words__text__is_lower_cased_split_padded_and_cut():
    texts = column("Red wine, RED!", None, "", "a b c d e f g h i j", "Größe-7")
    rows = hash_words("t", "c", texts, 8).tolist()
    word = {w: hash_value("t", "c", w) for w in ["red", "wine", *"abcdefgh", "größe", "7"]}
    assert rows[0] == [word["red"], word["wine"], word["red"], 0, 0, 0, 0, 0]
    assert rows[1] == rows[2] == [0] * 8
    assert rows[3] == [word[letter] for letter in "abcdefgh"]
    assert rows[4] == [word["größe"], word["7"], 0, 0, 0, 0, 0, 0]
