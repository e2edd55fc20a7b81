from inspect import isclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl import errors
from rdl.errors import (
    DataError,
    GateError,
    LockedError,
    NotReadyError,
    RdlError,
    TimeLimitError,
    UnavailableError,
    UsageError,
    nearest,
)

KINDS = [kind for kind in vars(errors).values() if isclass(kind) and issubclass(kind, RdlError)]


def test__error__says_what_where_and_fix_in_this_order():
    error = RdlError("the key is 7", where="table orders", fix="drop it")
    assert str(error).splitlines() == ["the key is 7", "  where: table orders", "  fix:   drop it"]
    assert (error.what, error.where, error.fix) == ("the key is 7", "table orders", "drop it")


def test__error__without_place_and_fix__is_one_line():
    assert str(RdlError("gone")) == "gone"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test__every_kind__has_an_exit_code_of_the_design(kind):
    own = {UsageError: 2, GateError: 4, LockedError: 5, NotReadyError: 6, UnavailableError: 6, TimeLimitError: 124, RdlError: 1}
    assert kind.exit_code == own.get(kind, 3)
    assert issubclass(kind, DataError) == (kind not in own or kind is UnavailableError)


def test__nearest__names_the_close_word():
    assert nearest("surce", ["source", "staging"]) == "did you mean 'source'?"


def test__nearest__far_word__lists_what_is_known():
    assert nearest("zzz", ["b", "a"]) == "known are: a, b"


def test__nearest__nothing_known__says_so():
    assert nearest("x", []) == "nothing is known here"


@given(st.text(), st.lists(st.text(min_size=1), max_size=5))
def test__nearest__never_fails(word, known):
    assert nearest(word, known)


def test__nearest__far_word_among_many__lists_the_first_and_counts_the_rest():
    hint = nearest("zzz", [f"a{i:03}" for i in range(100)])
    assert hint.startswith("known are: a000, a001")
    assert hint.endswith(" and 70 more")
