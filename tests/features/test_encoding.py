"""Categories become places in a vocabulary; null and unseen are told apart."""

import json

import numpy as np
import pytest

from rdl.boost import BoostSettings, fit_boost
from rdl.errors import ModelFileError
from rdl.features import Encoding, FeatureMatrix
from rdl.model.boosted import encoded_matrix
from rdl.task import Kind


def matrix(codes, levels):
    codes = np.array(codes, dtype=np.int32)[:, None]
    return FeatureMatrix(("x",), ("f",), np.zeros((len(codes), 1), dtype=np.float32), ("c",), ("f",), codes, (tuple(levels),))


def test__encoding__unseen_and_null__are_told_apart():
    encoding = Encoding.fit(matrix([0, 1, 1], "ab"))
    encoded = encoding.transform(matrix([0, 1, 2, -1], "abz"))
    assert encoded.values[:3, 1].tolist() == [0, 1, 2]
    assert np.isnan(encoded.values[3, 1])
    assert encoded.feature_types == ["q", "c"]


def test__encoding__rows_given__others_do_not_enter_the_vocabulary():
    assert Encoding.fit(matrix([0, 1, 2], "abc"), np.array([0, 2])).vocabularies["c"] == ("a", "c")


def test__encoding__levels_in_other_places__same_code():
    encoding = Encoding.fit(matrix([0, 1], "bc"))
    assert encoding.transform(matrix([1], "ab")).values[0, 1] == encoding.transform(matrix([0], "bc")).values[0, 1] == 0


def test__encoding__json__comes_back_equal():
    encoding = Encoding.fit(matrix([0, 1], "ab"))
    assert Encoding.from_json(json.loads(json.dumps(encoding.to_json()))) == encoding


def test__encoding__other_plan__is_refused():
    encoding = Encoding(("other",), {"c": ()})
    with pytest.raises(ModelFileError, match="not those"):
        encoding.transform(matrix([0], "a"))


def test__encoding__rare_values__share_the_code_of_unseen_ones():
    encoding = Encoding.fit(matrix([0, 0, 1, -1, -1], "ab"), least=2)
    assert encoding.vocabularies["c"] == ("a",)
    encoded = encoding.transform(matrix([0, 1, 2, -1], "abz")).values[:, 1]
    assert encoded[:3].tolist() == [0, 1, 1]
    assert np.isnan(encoded[3])


def test__encoding__unseen_and_null__trees_answer_for_both():
    """A category that no training row had takes a path of its own: neither a crash nor the answer for a null."""
    draw = np.random.default_rng(0)
    codes = draw.integers(-1, 6, 600)
    target = np.where(codes < 0, 5.0, codes % 2)
    known = matrix(codes, "abcdef")
    encoding = Encoding.fit(known)
    settings = BoostSettings(rounds=40, seeds=1, learning_rate=0.3, min_child_weight=1.0, threads=1, colsample_bytree=1.0)
    boost = fit_boost(encoded_matrix(known, encoding, ()), target, Kind.REGRESSION, "mae", settings, 0)
    later = matrix([0, 1, 6, -1], "abcdefz")
    found = boost.predict(encoded_matrix(later, encoding, ()))
    assert np.isfinite(found).all()
    assert found[3] > 3 > found[:3].max()
