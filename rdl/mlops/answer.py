"""The answer to one question: as a data frame for MLflow's pyfunc, or as rows of plain values for JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rdl.task.answers import PROBABILITIES
from rdl.task.asked import Columns
from rdl.timeline import format_time

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from rdl.model.reasons import Reasons

REASONS = "reasons"


@dataclass(frozen=True)
class Answer:
    """Predictions of n rows in the order of the request.

    Attributes:
        keys: [n] each, the key columns as they were asked for.
        cutoff: [n] what the predictions are about, microseconds UTC.
        prediction: [n, …] as the model gave them.
        columns: [n] each, what they say; see `answer_columns`.
        why: [n] reasons, where they were asked for.
    """

    keys: Columns
    cutoff: "NDArray[np.int64]"
    prediction: "NDArray[Any]"
    columns: Mapping[str, pa.Array]
    why: "Sequence[Reasons] | None" = None

    def records(self) -> list[dict[str, Any]]:
        """One dict a row, of values that JSON carries: the entity's key, `cutoff` as ISO text, the answer, and its reasons."""
        moments = {c: format_time(c) for c in set(self.cutoff.tolist())}
        told: dict[str, Sequence[Any]] = {**self.keys, "cutoff": [moments[c] for c in self.cutoff.tolist()]}
        told |= {name: column.to_pylist() for name, column in online_answer(self.columns).items()}
        if self.why is not None:
            told[REASONS] = [row.to_json() for row in self.why]
        return [dict(zip(told, row, strict=True)) for row in zip(*told.values(), strict=True)]

    def frame(self) -> "pd.DataFrame":
        """Columns: the entity's key, `cutoff` as ISO text, and the answer; lists and objects where it has parts."""
        import pandas as pd

        moments = pd.Series([format_time(int(c)) for c in self.cutoff], dtype=object)
        answer = {name: _plain(column) for name, column in online_answer(self.columns).items()}
        reasons = {} if self.why is None else {REASONS: pd.Series([row.to_json() for row in self.why], dtype=object)}
        return pd.DataFrame({**self.keys, "cutoff": moments, **answer, **reasons})


def written(answer: Answer) -> bytes:
    """The answer as MLflow's protocol has it: `{"predictions": [one object a row]}`."""
    return json.dumps({"predictions": answer.records()}, separators=(",", ":"), default=str).encode()


def online_answer(columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """The answer's columns [n] as JSON carries them: numbers, text, lists of keys, objects of probabilities."""
    numbers = {name for name, c in columns.items() if name == PROBABILITIES or pa.types.is_floating(c.type)}
    return {name: column if name in numbers else online_keys(column) for name, column in columns.items()}


def online_keys(keys: pa.Array) -> pa.Array:
    """Keys as JSON and CSV carry them: integers as they are, everything else as text; of composite keys, column by column."""
    if pa.types.is_struct(keys.type):
        fields = [keys.type.field(i).name for i in range(keys.type.num_fields)]
        return pa.StructArray.from_arrays([online_keys(column) for column in keys.flatten()], names=fields)
    if pa.types.is_list(keys.type):
        return pa.ListArray.from_arrays(keys.offsets, online_keys(keys.values))
    if pa.types.is_integer(keys.type) and keys.type != pa.uint64():
        return keys.cast(pa.int64())
    return keys.cast(pa.string())


def _plain(column: pa.Array) -> "pd.Series":
    """Numbers and text as they are; lists and objects cell by cell."""
    import pandas as pd

    if pa.types.is_floating(column.type):
        return pd.Series(column.to_numpy())
    return pd.Series(column.to_pylist(), dtype=object)
