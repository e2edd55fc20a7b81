"""Categories become places in a vocabulary; null and unseen are told apart."""

import json

import numpy as np
import pytest

from rdl.errors import ModelFileError
from rdl.features import Encoding, FeatureMatrix


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
