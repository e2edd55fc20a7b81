"""Boosters of several seeds: what they gain from each feature, and how they lie on disk: UBJSON trees and a JSON description."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdl.errors import ModelFileError

if TYPE_CHECKING:
    import xgboost
    from xgboost import Booster as Booster  # noqa: PLC0414 - so that other rooms may name it


def total_gain(boosters: "Sequence[xgboost.Booster]", names: Sequence[str]) -> dict[str, float]:
    """Share of the total gain by feature, largest first; features that no tree uses are left out."""
    total: dict[str, float] = {}
    for booster in boosters:
        for place, gain in booster.get_score(importance_type="total_gain").items():
            name = names[int(place[1:])]
            total[name] = total.get(name, 0.0) + float(gain)
    whole = sum(total.values()) or 1.0
    return {name: gain / whole for name, gain in sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))}


def save_boosters(folder: Path, name: str, boosters: "Sequence[xgboost.Booster]", facts: Mapping[str, Any]) -> None:
    """Write trees, and `facts` with their number as `name`, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps({**facts, "boosters": len(boosters)}), encoding="utf-8")
    for i, booster in enumerate(boosters):
        (folder / f"trees-{i}.ubj").write_bytes(bytes(booster.save_raw("ubj")))


def load_boosters(folder: Path, name: str) -> "tuple[tuple[xgboost.Booster, ...], dict[str, Any]]":
    """The boosters and facts that `save_boosters` wrote; `facts["settings"]["threads"]` says on how many threads they predict.

    Raises:
        ModelFileError: a file is missing or unreadable.
    """
    import xgboost

    try:
        facts = json.loads((folder / name).read_text(encoding="utf-8"))
        boosters = []
        for i in range(facts["boosters"]):
            booster = xgboost.Booster({"nthread": facts["settings"]["threads"]})
            booster.load_model(bytearray((folder / f"trees-{i}.ubj").read_bytes()))
            boosters.append(booster)
    except (OSError, ValueError, KeyError, TypeError, xgboost.core.XGBoostError) as error:
        what = f"{type(error).__name__}: {error}".partition("\n")[0]  # XGBoost's own messages go on with a stack trace
        raise ModelFileError(f"unreadable XGBoost member: {what}", where=str(folder), fix="fetch the model again") from error
    return tuple(boosters), facts
