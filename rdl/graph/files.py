"""A graph on disk: a folder of `.npy` files, memory-mapped, and `meta.json` with every file's size and sha256.

The folder is written aside and moved into place whole, so what stands at its path is complete. Nothing is unpickled.
Opening checks the manifest, sizes, dtypes and shapes; `verify=True` reads every byte and compares the checksums.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rdl.errors import GraphError
from rdl.graph.csc import REBUILD, Csc
from rdl.graph.tables import KINDS, Link, NodeTable

FORMAT = 1
"""Version of the layout and of everything that decides its content (hashes, kinds): part of a graph's key."""

META = "meta.json"

_TABLE_ARRAYS = ("time", *KINDS, "keys")
_LINK_WORDS = ("child", "column", "parent", "place")

Arrays = Mapping[str, npt.NDArray[Any]]


@contextmanager
def written_aside(target: Path) -> Iterator[Path]:
    """A fresh folder beside `target` that takes its place when the block ends well, and vanishes when it does not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield aside
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
            os.replace(target, old)
            os.replace(aside, target)
            shutil.rmtree(old)
        else:
            os.replace(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def keep_nodes(folder: Path, place: int, nodes: NodeTable) -> NodeTable:
    """Write a table's arrays as number `place`; return the table as read back from the files."""
    prefix = f"table{place:03d}"
    _write_arrays(folder, prefix, nodes.arrays())
    return NodeTable(names=nodes.names, infinite=nodes.infinite, **_read_arrays(folder, prefix, _TABLE_ARRAYS))


def keep_link(folder: Path, place: int, link: Link) -> Link:
    """Write a link's arrays as number `place`; return the link as read back from the files."""
    prefix = f"link{place:03d}"
    _write_arrays(folder, prefix, {"offsets": link.csc.offsets, "rows": link.csc.rows})
    return replace(link, csc=_read_csc(folder, prefix))


def write_meta(folder: Path, key: str, tables: Mapping[str, NodeTable], links: tuple[Link, ...]) -> None:
    """Seal a folder: describe its tables and links, and every file's size and checksum."""
    meta: dict[str, Any] = {
        "format": FORMAT,
        "key": key,
        "tables": [
            {"name": name, "rows": t.rows, "names": dict(t.names), "infinite": dict(t.infinite)} for name, t in tables.items()
        ],
        "links": [{name: getattr(x, name) for name in _LINK_WORDS} for x in links],
        "files": {path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)} for path in sorted(folder.glob("*.npy"))},
    }
    text = json.dumps({**meta, "digest": _digest(meta)}, indent=1)
    (folder / META).write_text(text, encoding="utf-8")


def read_folder(folder: Path, *, verify: bool) -> tuple[str, dict[str, NodeTable], tuple[Link, ...]]:
    """The key, tables and links of a folder that `write_meta` sealed. Raises GraphError when it is not whole."""
    meta = _read_meta(folder)
    for name, expected in meta["files"].items():
        _check_file(folder / name, expected, verify=verify)
    tables = {}
    for place, entry in enumerate(meta["tables"]):
        arrays = _read_arrays(folder, f"table{place:03d}", _TABLE_ARRAYS)
        names = {kind: tuple(columns) for kind, columns in entry["names"].items()}
        tables[entry["name"]] = NodeTable(names=names, infinite=entry["infinite"], **arrays)
    links = tuple(
        Link(**{name: entry[name] for name in _LINK_WORDS}, csc=_read_csc(folder, f"link{place:03d}"))
        for place, entry in enumerate(meta["links"])
    )
    return meta["key"], tables, links


def _read_meta(folder: Path) -> dict[str, Any]:
    path = folder / META
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
        digest = meta.pop("digest")
    except FileNotFoundError as error:
        raise GraphError("no graph here", where=str(path), fix="build it first") from error
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise GraphError(f"not readable: {error}", where=str(path), fix=REBUILD) from error
    if meta.get("format") != FORMAT:
        raise GraphError(f"format {meta.get('format')}, expected {FORMAT}", where=str(path), fix=REBUILD)
    if digest != _digest(meta):
        raise GraphError("its content was altered", where=str(path), fix=REBUILD)
    return dict(meta)


def _check_file(path: Path, expected: Mapping[str, Any], *, verify: bool) -> None:
    size = path.stat().st_size if path.is_file() else -1
    if size != expected["bytes"]:
        found = "is missing" if size < 0 else f"has {size} bytes, expected {expected['bytes']}"
        raise GraphError(f"the file {found}", where=str(path), fix=REBUILD)
    if verify and _sha256(path) != expected["sha256"]:
        raise GraphError("the file's content was altered: its checksum differs", where=str(path), fix=REBUILD)


def _write_arrays(folder: Path, prefix: str, arrays: Arrays) -> None:
    for name, array in arrays.items():
        np.save(folder / f"{prefix}.{name}.npy", array, allow_pickle=False)


def _read_csc(folder: Path, prefix: str) -> Csc:
    return Csc(**_read_arrays(folder, prefix, ("offsets", "rows")))


def _read_arrays(folder: Path, prefix: str, names: tuple[str, ...]) -> dict[str, npt.NDArray[Any]]:
    return {name: _read_array(folder / f"{prefix}.{name}.npy") for name in names}


def _read_array(path: Path) -> npt.NDArray[Any]:
    """A read-only plain ndarray over the mapped file (a memmap would cost every kernel call its type lookup)."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    except (ValueError, OSError, EOFError) as error:
        raise GraphError(f"not readable: {error}", where=str(path), fix=REBUILD) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(meta: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()
