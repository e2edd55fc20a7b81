"""A graph on disk: a folder of `.npy` files, memory-mapped, and `meta.json` with every file's size and sha256.

The folder is written aside and moved into place whole, so what stands at its path is complete. Nothing is unpickled.
Opening checks the manifest, sizes, dtypes and shapes; `verify=True` compares the checksums too, and reads every byte of those files
that were changed since they were last compared.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rdl.errors import GraphError
from rdl.graph.csc import REBUILD, Csc
from rdl.graph.tables import KINDS, Link, NodeTable

FORMAT = 2
"""Version of the layout and of everything that decides its content (hashes, kinds): part of a graph's key."""

META = "meta.json"

_SEEN = ".seen.json"
"""When each file was last written as its checksum was compared: no part of a graph's content."""

_TICK = 1_000_000_000

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
    return read_nodes(folder, place, nodes.names, nodes.infinite, nodes.digest)


def read_nodes(
    folder: Path, place: int, names: Mapping[str, tuple[str, ...]], infinite: Mapping[str, int], digest: str
) -> NodeTable:
    """Table number `place` of a folder, mapped."""
    return NodeTable(names=names, infinite=infinite, digest=digest, **_read_arrays(folder, f"table{place:03d}", _TABLE_ARRAYS))


class ArrayFile:
    """One `.npy` file of a known dtype and shape, written from its first row on; a context manager."""

    def __init__(self, path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> None:
        self._file, self._dtype = path.open("wb"), np.dtype(dtype)
        header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Write the next rows."""
        np.ascontiguousarray(rows, self._dtype).tofile(self._file)


def array_path(folder: Path, prefix: str, name: str) -> Path:
    """Where the array `name` of a table or link lies."""
    return folder / f"{prefix}.{name}.npy"


def share_arrays(source: Path, old: str, folder: Path, new: str) -> bool:
    """Let `folder` have the arrays of a table or link of another graph, without a copy; False where the disk cannot."""
    try:
        for path in source.glob(f"{old}.*.npy"):
            os.link(path, folder / path.name.replace(old, new, 1))
    except OSError:
        for path in folder.glob(f"{new}.*.npy"):
            path.unlink()
        return False
    return True


def keep_link(folder: Path, place: int, link: Link) -> Link:
    """Write a link's arrays as number `place`; return the link as read back from the files."""
    _write_arrays(folder, f"link{place:03d}", {"offsets": link.csc.offsets, "rows": link.csc.rows})
    return read_link(folder, place, link)


def read_link(folder: Path, place: int, link: Link) -> Link:
    """The link with the arrays that lie in `folder` as number `place`."""
    return replace(link, csc=_read_csc(folder, f"link{place:03d}"))


def write_meta(folder: Path, key: str, tables: Mapping[str, NodeTable], links: tuple[Link, ...]) -> None:
    """Seal a folder: describe its tables and links, and every file's size and checksum."""
    meta: dict[str, Any] = {
        "format": FORMAT,
        "key": key,
        "tables": [
            {"name": name, "rows": t.rows, "names": dict(t.names), "infinite": dict(t.infinite), "digest": t.digest}
            for name, t in tables.items()
        ],
        "links": [{name: getattr(x, name) for name in _LINK_WORDS} for x in links],
        "files": {path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)} for path in sorted(folder.glob("*.npy"))},
    }
    text = json.dumps({**meta, "digest": _digest(meta)}, indent=1)
    (folder / META).write_text(text, encoding="utf-8")
    note_seen(folder, meta["files"])


def read_folder(folder: Path, *, verify: bool) -> tuple[str, dict[str, NodeTable], tuple[Link, ...]]:
    """The key, tables and links of a folder that `write_meta` sealed. Raises GraphError when it is not whole."""
    meta = _read_meta(folder)
    seen = _read_seen(folder) if verify else {}
    for name, expected in meta["files"].items():
        _check_size(folder / name, expected)
        if verify and seen.get(name) != _seen(folder / name, expected):
            _check_sum(folder / name, expected)
    if verify:
        note_seen(folder, meta["files"])
    tables = {}
    for place, entry in enumerate(meta["tables"]):
        names = {kind: tuple(columns) for kind, columns in entry["names"].items()}
        tables[entry["name"]] = read_nodes(folder, place, names, entry["infinite"], entry["digest"])
    links = tuple(
        Link(**{name: entry[name] for name in _LINK_WORDS}, csc=_read_csc(folder, f"link{place:03d}"))
        for place, entry in enumerate(meta["links"])
    )
    return meta["key"], tables, links


def rows_by_table(folder: Path) -> dict[str, int]:
    """How many rows each table of a graph has; of its files only the manifest is read. GraphError where there is none."""
    return {entry["name"]: int(entry["rows"]) for entry in _read_meta(folder)["tables"]}


def note_seen(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Remember that the files' checksums are right, as long as they are not written to."""
    with suppress(OSError):  # a folder that cannot be written to is compared again
        aside = folder / f"{_SEEN}.{os.getpid()}"
        aside.write_text(json.dumps({name: _seen(folder / name, entry) for name, entry in files.items()}), encoding="utf-8")
        os.replace(aside, folder / _SEEN)


def _seen(path: Path, expected: Mapping[str, Any]) -> list[Any]:
    stat = path.stat()
    return [expected["sha256"], stat.st_size, stat.st_mtime_ns]


def _read_seen(folder: Path) -> dict[str, Any]:
    """What `note_seen` noted of files that were not written to shortly before: a clock is too coarse to tell two writes apart."""
    try:
        noted = (folder / _SEEN).stat().st_mtime_ns
        seen = json.loads((folder / _SEEN).read_text(encoding="utf-8"))
        return {name: entry for name, entry in seen.items() if entry[2] < noted - _TICK}
    except (OSError, ValueError, TypeError, AttributeError, LookupError):
        return {}


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


def _check_size(path: Path, expected: Mapping[str, Any]) -> None:
    size = path.stat().st_size if path.is_file() else -1
    if size != expected["bytes"]:
        found = "is missing" if size < 0 else f"has {size} bytes, expected {expected['bytes']}"
        raise GraphError(f"the file {found}", where=str(path), fix=REBUILD)


def _check_sum(path: Path, expected: Mapping[str, Any]) -> None:
    if _sha256(path) != expected["sha256"]:
        raise GraphError("the file's content was altered: its checksum differs", where=str(path), fix=REBUILD)


def _write_arrays(folder: Path, prefix: str, arrays: Arrays) -> None:
    for name, array in arrays.items():
        with ArrayFile(array_path(folder, prefix, name), array.dtype, array.shape) as file:
            file.append(array)


def _read_csc(folder: Path, prefix: str) -> Csc:
    return Csc(**_read_arrays(folder, prefix, ("offsets", "rows")))


def _read_arrays(folder: Path, prefix: str, names: tuple[str, ...]) -> dict[str, npt.NDArray[Any]]:
    return {name: _read_array(array_path(folder, prefix, name)) for name in names}


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
