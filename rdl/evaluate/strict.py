"""Plain data as strict JSON has it: what is no number is null."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

NAN = float("nan")


def without_nan(value: Any) -> Any:
    """The same mappings, lists and scalars, with None for every float that is not finite."""
    if isinstance(value, Mapping):
        return {name: without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def with_nan(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping of numbers as it was before `without_nan`."""
    return {name: NAN if value is None else value for name, value in numbers.items()}
