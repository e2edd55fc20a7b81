"""What is kept to save work stays within its limit, and what the latest models need stays."""

import os
import time

import pytest

from rdl.database.pruning import GRACE_S, mark_used, needed, prune
from rdl.errors import ProjectError
from rdl.project import KeepSettings, open_project


@pytest.fixture
def project(tmp_path):
    (tmp_path / "rdl.toml").write_text('[database]\nsource = "data/"\n[keep]\nlimit = "3KB"\n')
    return open_project(tmp_path)


@pytest.fixture
def keep(project):
    """Put a kilobyte at a path of the home, last used `hours` ago."""

    def write(name, hours=2.0):
        path = project.home / name
        file = path if path.suffix else path / "file.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(1000))
        for used in (file, path):
            os.utime(used, (time.time() - hours * 3600,) * 2)
        return path

    return write


def test__prune__beyond_the_limit__removes_what_was_not_used_for_longest(project, keep):
    paths = [keep(f"features/parts/{i}.parquet", hours=10 - i) for i in range(3)]
    paths += [keep("fits/a", 20), keep("graph/b", 3), keep("checkpoints/churn/c", 15)]
    assert set(prune(project)) == {paths[3], paths[5], paths[0]}
    assert [path.exists() for path in paths] == [False, True, True, False, True, False]
    assert prune(project) == ()
    assert not [p for p in project.home.rglob("*") if ".gone" in p.name]


def test__prune__half_made_by_a_process_long_gone__is_removed_whatever_the_limit(project, keep):
    gone = [keep("aside/until-x", 49), keep("aside/scores-7.parquet", 49), keep("tmp/sandbox-y", 49)]
    stay = [keep("aside/until-z", 40), keep("tmp/duckdb.tmp", 1), keep("scores/churn", 100)]
    assert prune(project) == ()
    assert [path.exists() for path in (*gone, *stay)] == [False] * 3 + [True] * 3


def test__prune__used_lately_or_again__stays(project, keep):
    old = [keep(f"fits/{i}", hours=9) for i in range(5)]
    mark_used(old[0])
    fresh = keep("features/parts/x.parquet", hours=GRACE_S / 3600 - 0.1)
    prune(project)
    assert old[0].exists()
    assert fresh.exists()
    assert sum(path.exists() for path in old) == 2


def test__prune__what_the_latest_models_need__stays(project, keep):
    kinds, made = ("fits/{}", "fits/{}.choices.json", "graph/{}", "checkpoints/{}/run"), []
    for name in ("churn", "spend"):
        with needed(project, name, 7):
            here = [keep(kind.format(name), hours=0) for kind in kinds]
        for path in [*here, *(file for folder in here for file in folder.rglob("*"))]:
            os.utime(path, (0, 0))
        made += here
    others = [keep(f"features/parts/{i}.parquet") for i in range(3)]
    assert set(prune(project)) == set(others)
    assert all(path.exists() for path in made)
    with needed(project, "churn", 6):
        older = keep("fits/older", hours=0)
    keep("fits/older")
    assert prune(project) == (older,)
    with needed(project, "churn", 8):
        keep("fits/newer", hours=0)
    assert set(prune(project)) == set(made[:4])
    assert all(path.exists() for path in made[4:])


def test__prune__newest_table_of_tonight__stays(project, keep):
    old, new = keep("tonight/churn/as_of=1", hours=9), keep("tonight/churn/as_of=2", hours=8)
    other = keep("tonight/spend/as_of=1", hours=30)
    more = [keep(f"fits/{i}", hours=5) for i in range(3)]
    prune(project)
    assert [old.exists(), new.exists(), other.exists()] == [False, True, True]
    assert sum(path.exists() for path in more) == 1


@pytest.mark.parametrize(("text", "size"), [("20GB", 20 * 10**9), ("1.5 KiB", 1536), ("0B", 0), ("2TB", 2 * 10**12)])
def test__limit__is_read_in_bytes(text, size):
    assert KeepSettings(limit=text).bytes == size


def test__limit__that_is_no_size__is_refused(tmp_path):
    (tmp_path / "rdl.toml").write_text('[database]\nsource = "data/"\n[keep]\nlimit = "much"\n')
    with pytest.raises(ProjectError, match="limit"):
        open_project(tmp_path)
