"""Which code made a thing: what is kept in a project's home is found again only by the code that would make it alike."""

import hashlib
from functools import cache
from pathlib import Path

from rdl import __version__
from rdl.database.engine import shipped


@cache
def code_version() -> str:
    """The version of rdl with a hash of its sources and SQL: what changed code kept is made anew."""
    package, templates = Path(__file__).resolve().parent.parent, shipped("sql")
    digest = hashlib.sha256()
    for root, pattern in ((package, "*.py"), (templates, "*.sql")):
        for path in sorted(root.rglob(pattern)):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"
