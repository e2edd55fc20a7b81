"""The same six aggregates at the same cutoffs by rdl and by featuretools: CPU-seconds of both.

`python tests/benchmarks/beside_featuretools.py --python PATH [--rows N] [--pairs N]`; PATH is the Python of an environment that has
featuretools (and needs nothing of rdl), by default this one. Both read the same rows; only for rdl is reading them counted.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

DAY = 86_400_000_000
START, SPAN = 1_672_531_200_000_000, 730 * DAY


def told(case: str, value: float, unit: str) -> None:
    """One line of JSON."""
    print(json.dumps({"name": "beside_featuretools", "case": case, "value": round(value, 3), "unit": unit}), flush=True)


def by_featuretools(file: Path) -> None:
    """CPU-seconds of featuretools over the arrays in `file`, and its numbers beside them."""
    import featuretools
    import pandas as pd

    with np.load(file) as data:
        arrays = {name: data[name] for name in data.files}
    facts = pd.DataFrame({"fact": np.arange(len(arrays["user"])), "user": arrays["user"], "amount": arrays["amount"]})
    facts["at"] = pd.to_datetime(arrays["time"], unit="us")
    entities = featuretools.EntitySet("shop")
    entities.add_dataframe(dataframe_name="facts", dataframe=facts, index="fact", time_index="at")
    users = pd.DataFrame({"user": np.arange(int(arrays["users"]))})
    entities.add_dataframe(dataframe_name="users", dataframe=users, index="user")
    entities.add_relationship("users", "user", "facts", "user")
    cutoffs = pd.DataFrame({"user": arrays["entity"], "time": pd.to_datetime(arrays["cutoff"] - 1, unit="us")})  # before, not at
    started = time.process_time()
    matrix, _ = featuretools.dfs(
        entityset=entities,
        target_dataframe_name="users",
        cutoff_time=cutoffs,
        agg_primitives=["sum", "count", "mean", "min", "max", "last"],
        trans_primitives=[],
        max_depth=1,
        cutoff_time_in_index=True,
    )
    told(f"featuretools {featuretools.__version__}, {len(cutoffs)} pairs", time.process_time() - started, "cpu-s")
    found = matrix.reset_index().rename(columns={"user": "key"})
    columns = ["SUM(facts.amount)", "COUNT(facts)", *(f"{a}(facts.amount)" for a in ("MEAN", "MIN", "MAX", "LAST"))]
    keys = found["key"].to_numpy(), found["time"].astype("int64").to_numpy()
    order = np.lexsort((keys[1], keys[0]))
    np.save(file.with_suffix(".npy"), found[columns].astype("float64").to_numpy()[order])


def by_rdl(folder: Path, facts: int, pairs: int) -> Path:
    """CPU-seconds of rdl over the shared tables; writes the arrays for featuretools and checks its numbers later."""
    from features import SIX, six_of, synthetic_plan, write_synthetic

    from rdl.database.engine import Engine
    from rdl.features import compute_features
    from rdl.task import Seeds

    path = folder / "synthetic.duckdb"
    write_synthetic(path, facts)
    plan = six_of(synthetic_plan(path, facts, ()))
    rng = np.random.default_rng(1)
    code = rng.choice(facts // 10 * 365, pairs, replace=False)  # each pair once, in the order of user and cutoff
    code.sort()
    seeds = Seeds.at(code // 365, START + (365 + code % 365) * DAY)
    with Engine(path, "2GB", 2, folder / "tmp") as engine:
        compute_features(plan, engine, seeds[:10])
        started = time.process_time()
        matrix = compute_features(plan, engine, seeds)
        told(f"rdl, {pairs} pairs", time.process_time() - started, "cpu-s")
        read = engine.numpy('SELECT "user", _time AS time, CAST(amount AS DOUBLE) AS amount FROM rows.facts ORDER BY _row')
    file = folder / "arrays.npz"
    np.savez(file, **read, users=facts // 10, entity=seeds.entity, cutoff=seeds.cutoff)
    order = [matrix.names.index(name) for name in SIX]
    np.save(folder / "rdl.npy", matrix.values[:, order])
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="the Python that has featuretools")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=2_000)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        by_featuretools(options.inside)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = by_rdl(Path(folder), options.rows, options.pairs)
        subprocess.run([options.python, "-W", "ignore", __file__, "--inside", str(file)], check=True)
        theirs, ours = np.load(file.with_suffix(".npy")), np.load(Path(folder) / "rdl.npy")
        known = ~np.isnan(theirs) & ~np.isnan(ours)
        told("cells that agree", float(np.mean(np.isclose(theirs[known], ours[known], rtol=1e-4))), "share")
        told("cells that are null in one only", float(np.mean(np.isnan(theirs) != np.isnan(ours))), "share")


if __name__ == "__main__":
    main()
