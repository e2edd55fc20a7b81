"""`[database] include` chooses tables by pattern, and a pattern that chooses none is a mistake."""

import pytest

from rdl.database.sources.include import included
from rdl.errors import ProjectError
from tests.database.sources.reading import project_of

NAMES = ["orders", "customers", "custom_fields", "[odd]"]


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        ([], set(NAMES)),
        (["orders"], {"orders"}),
        (["ORDERS", "Cust*"], {"orders", "customers", "custom_fields"}),
        (["*s", "orders"], {"orders", "customers", "custom_fields"}),
        (["[odd]"], {"[odd]"}),
        (["[oc]*[!s]"], set()),
    ],
)
def test__patterns__choose_tables(tmp_path, patterns, chosen):
    if not chosen:
        with pytest.raises(ProjectError):
            included(NAMES, project_of("data", tmp_path, include=patterns))
    else:
        assert included(NAMES, project_of("data", tmp_path, include=patterns)) == chosen


def test__pattern_without_a_table__is_refused_with_the_nearest(tmp_path):
    with pytest.raises(ProjectError) as error:
        included(NAMES, project_of("data", tmp_path, include=["orders", "custmers"]))
    assert "'custmers'" in error.value.what
    assert "[database] include" in error.value.where
    assert "'customers'" in error.value.fix
