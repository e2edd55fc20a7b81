"""From a folder aside to its place.

A new folder appears in one rename. Into a folder that exists, every file is moved by itself with `os.replace`, so a reader sees
the old file or the new one, never half of one. What is published has reached the disk first.
"""

import errno
import os
import shutil
from pathlib import Path


def publish(aside: Path, place: Path) -> tuple[Path, ...]:
    """Move every file in `aside` to the same relative path in `place`; the published paths, sorted.

    Args:
        aside: a folder on any file system; gone or empty afterwards.
        place: made where it is missing; other files in it stay.
    """
    names = sorted(file.relative_to(aside) for file in aside.rglob("*") if file.is_file())
    for name in names:
        _flush(aside / name)
    if names and not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(aside, place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        else:
            _flush(place.parent)
            return tuple(place / name for name in names)
    for name in names:
        _move(aside / name, place / name)
    for folder in {(place / name).parent for name in names}:
        _flush(folder)
    return tuple(place / name for name in names)


def _move(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(file, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        near = target.with_name(f".{target.name}.part")
        shutil.copyfile(file, near)
        _flush(near)
        os.replace(near, target)


def _flush(path: Path) -> None:
    """Wait until a file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
