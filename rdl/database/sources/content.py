"""Content hashes: what files hold, in one word, without reading a large file at every command.

The hash of a large file is remembered in the home by the file's path, size, times and inode. As git does, rdl trusts no file that
was touched within two seconds of when it was hashed: a second write in the same tick of a clock would not show.
"""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from uuid import uuid4

from rdl.errors import ProjectError

_SMALL = 1 << 20  # bytes below which hashing again costs no more than remembering
_RACY = 2_000_000_000  # nanoseconds
_ATTEMPTS = 3


def text_hash(*texts: str) -> str:
    """Hex digest over `texts`, in their order."""
    digest = _digest()
    for text in texts:
        digest.update(f"{len(text)}:{text}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def content_hash(files: Mapping[str, Path], home: Path) -> str:
    """Hex digest over the names and bytes of `files`; where they lie does not matter.

    Args:
        files: by the name they have in the source.
        home: where the hashes of large files are remembered.

    Raises:
        ProjectError: a file cannot be read, or keeps changing while it is read.
    """
    place = home / "database" / "hashes.json"
    known = _load(place)
    learnt: dict[str, _Known] = {}
    texts = []
    for name, file in sorted(files.items()):
        texts += [name, _remembered(file, known, learnt)]
    if learnt:
        _save(place, {path: entry for path, entry in {**known, **learnt}.items() if Path(path).exists()})
    return text_hash(*texts)


def _digest() -> "hashlib.blake2b":
    return hashlib.blake2b(digest_size=16)


@dataclass(frozen=True)
class _Stamp:
    """What tells that a file was written: none of these stays as it is when the bytes change, but for a tick of the clock."""

    size: int
    modified: int
    changed: int
    inode: int

    @staticmethod
    def of(file: Path) -> "_Stamp":
        stat = file.stat()
        return _Stamp(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)

    def settled(self, now: int) -> bool:
        """Whether any later write would show."""
        return max(self.modified, self.changed) + _RACY < now


@dataclass(frozen=True)
class _Known:
    """The hash of a file that had this stamp."""

    stamp: _Stamp
    hash: str


def _remembered(file: Path, known: Mapping[str, _Known], learnt: dict[str, _Known]) -> str:
    """The hash of `file`, from memory where its stamp is known; what is worth remembering goes into `learnt`."""
    path = str(file)
    try:
        found = known.get(path)
        if found is not None and found.stamp == _Stamp.of(file):
            return found.hash
        now = time.time_ns()
        fresh = _hash(file)
    except OSError as error:
        raise ProjectError(
            f"cannot read {file.name!r}: {error.strerror}", where=path, fix="check the file and its rights"
        ) from error
    if fresh.stamp.size >= _SMALL and fresh.stamp.settled(now):
        learnt[path] = fresh
    return fresh.hash


def _hash(file: Path) -> _Known:
    for _ in range(_ATTEMPTS):
        before = _Stamp.of(file)
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, _digest).hexdigest()
        if _Stamp.of(file) == before:
            return _Known(before, found)
    raise ProjectError(
        f"{file.name!r} changes while it is read",
        where=str(file),
        fix="wait until it is written, or name a copy as the source",
    )


def _load(place: Path) -> dict[str, _Known]:
    """What is remembered; nothing, where the file is missing or damaged."""
    try:
        raw = json.loads(place.read_bytes())
        return {str(path): _Known(_Stamp(*map(int, entry[:4])), _checked(entry[4])) for path, entry in raw.items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError, IndexError):
        return {}


def _checked(hash_: object) -> str:
    if not isinstance(hash_, str) or len(bytes.fromhex(hash_)) != _digest().digest_size:
        raise ValueError("no hash")
    return hash_


def _save(place: Path, known: Mapping[str, _Known]) -> None:
    """Write aside and move into place; a home that cannot be written remembers nothing."""
    aside = place.with_name(f"{place.name}.{uuid4().hex}.tmp")
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            aside.write_text(json.dumps({path: [*astuple(k.stamp), k.hash] for path, k in sorted(known.items())}), encoding="utf-8")
            os.replace(aside, place)
        finally:
            aside.unlink(missing_ok=True)
