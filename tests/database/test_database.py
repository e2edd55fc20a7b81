"""Work on an engine survives an internal error of DuckDB: it is done again, more cautiously."""

from pathlib import Path

import pytest

from rdl.database import Engine
from rdl.database.engine import Caution, EngineDefectError
from rdl.errors import SqlError
from rdl.timeline import format_time
from tests.projects import ORDERS, opened, write_shop


def test__run__defect__is_tried_again_more_cautiously(project_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = opened(write_shop(project_folder))
    seen = []

    def work(engine: Engine) -> int:
        settings = engine.polars("SELECT current_setting('disabled_optimizers') AS o, current_setting('threads') AS t")
        seen.append(settings["o"][0])
        if len(seen) < 3:
            raise EngineDefectError("INTERNAL Error: dict-surviving cache")
        return 7

    assert database.run(work) == 7
    assert seen == ["", "build_side_probe_side", ""]
    assert caplog.text.count("dict-surviving cache") == 2


def test__run__defect_in_every_way__is_raised(project_folder: Path) -> None:
    def work(engine: Engine) -> int:
        raise EngineDefectError("INTERNAL Error: always")

    with pytest.raises(EngineDefectError, match="always"):
        opened(write_shop(project_folder)).run(work)


def test__run__users_mistake__is_raised_at_once(project_folder: Path) -> None:
    calls = []

    def work(engine: Engine) -> None:
        calls.append(1)
        engine.execute("SELECT no_such_column FROM rows.orders")

    with pytest.raises(SqlError, match="no_such_column"):
        opened(write_shop(project_folder)).run(work)
    assert calls == [1]


def test__caution__settings__are_known_to_duckdb(project_folder: Path) -> None:
    database = opened(write_shop(project_folder))
    for caution in Caution:
        with database.engine(caution) as engine:
            assert engine.polars("SELECT count(*) AS n FROM rows.orders")["n"][0] == 5


def test__span__a_row_of_a_far_day_to_come__is_no_end_of_the_data(project_folder):
    orders = ORDERS + "15,1,2199-01-01 00:00:00,1,x\n"
    database = opened(write_shop(project_folder, orders=orders))
    assert format_time(database.span[1]).startswith("2025-02-04")
