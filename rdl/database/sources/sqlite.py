"""SQLite: every table and view of a file, in one read transaction, as streams of Arrow batches.

The file is opened read-only and may be written to by others meanwhile: the transaction sees it as it was when it began. Before a
table is read, one pass over it finds whether its values are of the types that it declares (`sqlite_types.py`): the driver takes the
first batch at its word, and dies of a later one.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import quote as percent_encoded

from rdl.database.engine import literal, quote
from rdl.database.sources.adbc import AdbcFeed, Lane, Query, Session, load_driver
from rdl.database.sources.include import included
from rdl.database.sources.source import Constraints, Feed, FeedTable, ForeignKey
from rdl.database.sources.sqlite_types import MIXED, VARCHAR, Kind, kinds
from rdl.errors import ProjectError
from rdl.project import Project

logger = logging.getLogger(__name__)

_MAGIC = b"SQLite format 3\0"
_TABLES = """
SELECT name FROM pragma_table_list
WHERE schema = 'main' AND type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
"""
_PATIENCE = 30_000  # milliseconds to wait for another process's lock
_OPTIONS = {"adbc.sqlite.query.batch_rows": "16384"}
_AT_ONCE = 50  # columns that one statement looks at: SQLite allows 2000 results and a depth of 1000


def sqlite_feed(path: Path, project: Project) -> Callable[[], AbstractContextManager[Feed]]:
    """What opens the SQLite database in the file `path`.

    Opening it raises ProjectError: the driver is missing; the file is not there, is no SQLite database, or is locked for half a
    minute; a table or view cannot be read and is not left out by `[database] include`.
    """

    @contextmanager
    def open_feed() -> Iterator[Feed]:
        session = _connect(path, f"{project.settings_file}, [database] source")
        try:
            yield _feed(session, project)
        finally:
            session.close()

    return open_feed


def _connect(path: Path, where: str) -> Session:
    """A session in the middle of its transaction, with its snapshot taken."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except OSError as error:
        reason = error.strerror or "it cannot be opened"
        raise ProjectError(f"cannot read the SQLite file {path}: {reason}", where=where, fix="correct the path") from None
    if head not in {b"", _MAGIC}:
        raise ProjectError(f"{path} is no SQLite database, or an encrypted one", where=where, fix="name another file")
    driver = load_driver("sqlite", "sqlite")
    try:
        connection = driver.connect(f"file:{percent_encoded(str(path.resolve()))}?mode=ro", autocommit=True)
    except driver.Error as error:
        raise ProjectError(f"cannot open {path}: {error}", where=where, fix="is it a file that can be read?") from None
    session = Session(connection, str(path), options=_OPTIONS)
    try:
        session.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
        session.execute("BEGIN")
        session.rows("SELECT count(*) FROM sqlite_schema")  # the first look takes the snapshot
    except ProjectError as error:
        session.close()
        fix = "does another program hold it, or is its folder closed to us? Copy it, and read the copy"
        raise ProjectError(error.what, where=where, fix=fix) from None
    return session


def _feed(session: Session, project: Project) -> AdbcFeed:
    names = sorted(included([row["name"] for row in session.rows(_TABLES)], project))
    columns = {name: _columns(session, name) for name in names}
    keys = {name: _key(session, name) for name in names}
    tables, queries = {}, {}
    for name in names:
        lanes = _lanes(session, name, columns[name])
        constraints = Constraints(keys[name], _foreign_keys(session, name, keys))
        tables[name] = FeedTable(name, {lane.name: lane.type for lane in lanes}, constraints)
        queries[name] = Query(quote(name), lanes)
    return AdbcFeed(session, tables, queries)


def _columns(session: Session, table: str) -> dict[str, str]:
    """The declared types of a table's columns, generated ones too."""
    rows = session.rows(f"SELECT name, type FROM pragma_table_xinfo({literal(table)}) WHERE hidden <> 1 ORDER BY cid", table)
    return {row["name"]: row["type"] for row in rows}


def _key(session: Session, table: str) -> tuple[str, ...]:
    rows = session.rows(f"SELECT name FROM pragma_table_xinfo({literal(table)}) WHERE pk > 0 ORDER BY pk", table)
    return tuple(row["name"] for row in rows)


def _foreign_keys(session: Session, table: str, keys: Mapping[str, tuple[str, ...]]) -> tuple[ForeignKey, ...]:
    """The foreign keys to tables that are read; one that names no columns means the parent's primary key."""
    rows = session.rows(
        'SELECT id, "table" AS parent, "from" AS child_column, coalesce("to", \'\') AS parent_column '
        f"FROM pragma_foreign_key_list({literal(table)}) ORDER BY id, seq",
        table,
    )
    known = {name.lower(): name for name in keys}
    grouped = defaultdict(list)
    for row in rows:
        grouped[row["id"]].append(row)
    found = []
    for group in grouped.values():
        parent = known.get(group[0]["parent"].lower())
        columns = tuple(row["child_column"] for row in group)
        named = tuple(row["parent_column"] for row in group)
        parent_columns = named if all(named) else keys.get(parent or "", ())
        if parent is not None and len(columns) == len(parent_columns):
            found.append(ForeignKey(columns, parent, parent_columns))
    return tuple(found)


def _lanes(session: Session, table: str, columns: Mapping[str, str]) -> list[Lane]:
    """How the columns of a table travel: as declared where all values fit, and otherwise as what they are."""
    promised = {name: kinds(declared)[0] for name, declared in columns.items()}
    chosen: dict[str, Kind] = {name: kind for name, kind in promised.items() if kind is not None}
    doubtful = [name for name in columns if name not in chosen]
    for names in _chunks(list(chosen)):
        if _any(session, table, " OR ".join(chosen[name].misfit(name) for name in names)):
            doubtful += names
    for name in doubtful:
        chosen[name] = _classified(session, table, name, columns[name])
    return [chosen[name].lane(name) for name in columns]


def _classified(session: Session, table: str, column: str, declared: str) -> Kind:
    """The first kind that all values of a column fit; a kind that does not fit mostly shows so in the first rows."""
    promised, tried = kinds(declared)
    if not _any(session, table, f"{quote(column)} IS NOT NULL"):
        return promised or VARCHAR
    kind = next((one for one in tried if not _any(session, table, one.misfit(column))), MIXED)
    if kind is promised or not (promised or kind is MIXED):
        return kind
    odd = f"count(CASE WHEN {promised.misfit(column)} THEN 1 END)" if promised else "0"
    count = session.rows(f"SELECT count({quote(column)}) AS known, {odd} AS odd FROM {quote(table)}", table)[0]
    logger.warning(
        "%s.%s is declared %s, which %d of %d values do not fit: it holds %s and is read as %s",
        *(table, column, declared or "without a type", count["odd"], count["known"], kind.name, kind.type),
    )
    return kind


def _any(session: Session, table: str, condition: str) -> bool:
    return bool(session.rows(f"SELECT 1 AS found FROM {quote(table)} WHERE {condition} LIMIT 1", table))


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE))
