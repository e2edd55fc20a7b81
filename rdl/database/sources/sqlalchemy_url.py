"""Any other database, through SQLAlchemy and the DB-API driver that its URL names: `mysql+pymysql://`, `mssql+pyodbc://`, `oracle://`.

Everything is read in one transaction, REPEATABLE READ where the database knows it, else the strictest it has; what that promises is
the database's own affair. Rows come through a server-side cursor. Before any such URL, `connectorx+` has the rows (not the schema)
read by connectorx, several times as fast, but on a connection a table: what others commit meanwhile may be seen in one table and
not in another, so it is for databases at rest.
"""

import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rdl.database.sources.credentials import redact
from rdl.database.sources.include import included
from rdl.database.sources.source import Constraints, FeedTable, ForeignKey, OpenFeed
from rdl.database.sources.sqlalchemy_rows import MYSQL, ConnectorxRows, CursorRows, Place, Relation
from rdl.database.sources.sqlalchemy_types import kind_of
from rdl.errors import ProjectError, nearest
from rdl.project import Project

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

log = logging.getLogger(__name__)

_OF_ITS_OWN = {"information_schema", "pg_catalog", "mysql", "performance_schema", "sys", "guest"}
_ONE_SCHEMA = {*MYSQL, "oracle", "sqlite"}  # where a schema is another database, or another user
_PACKAGES = {"MySQLdb": "mysqlclient", "psycopg2": "psycopg2-binary", "mariadb": "mariadb"}
_SLACK = timedelta(seconds=1)


def sqlalchemy_feed(url: str, project: Project) -> OpenFeed:
    """What opens the database at `url`, its variables filled in.

    Opening it raises ProjectError: the URL is wrong; the driver is not installed; the server is not there or does not let the user
    in; no table is left to read.
    """

    @contextmanager
    def open_feed() -> Iterator[SqlalchemyFeed]:
        place = Place(url, f"{project.settings_file}, [database] source")
        engine = _engine(place, project)
        with place.told():
            connection = engine.connect()
        try:
            with place.told():
                _begin(connection)
                relations = _relations(connection, project)
            reader = ConnectorxRows(place, connection) if place.fast else CursorRows(place, connection)
            yield SqlalchemyFeed(reader, relations)
        finally:
            connection.close()
            engine.dispose()

    return open_feed


def _engine(place: Place, project: Project) -> "sa.Engine":
    import sqlalchemy as sa

    try:
        url = sa.make_url(place.url)
        if url.drivername in MYSQL:
            url = url.set(drivername=f"{url.drivername}+pymysql")
        if url.get_backend_name() == "sqlite":
            url = _existing(url, place, project)
        return sa.create_engine(url, poolclass=sa.pool.NullPool)
    except ImportError as error:
        package = _PACKAGES.get(error.name or "", error.name or "")
        what = f"reading {redact(place.url)} needs the package {package}, which is not installed"
        raise ProjectError(what, where=place.where, fix=f"pip install {package}") from None
    except sa.exc.NoSuchModuleError:
        scheme = place.url.partition("://")[0]
        raise ProjectError(
            f"no kind of source is called {scheme!r}",
            where=place.where,
            fix="name a folder, a file, or a URL such as postgresql://, mysql://, mssql+pyodbc://, oracle://; "
            "for another database install its SQLAlchemy dialect",
        ) from None
    except (sa.exc.ArgumentError, ValueError, TypeError) as error:
        what = f"not a URL of a database: {redact(str(error), place.url)}"
        raise ProjectError(what, where=place.where, fix="write it as driver://user:${PASSWORD}@host:port/database") from None


def _existing(url: "sa.URL", place: Place, project: Project) -> "sa.URL":
    """The URL of a SQLite file that is there, seen from the project: SQLite would make a new one."""
    path = project.root / (url.database or "")
    if not path.is_file():
        raise ProjectError(
            f"no SQLite file at {str(path)!r}", where=place.where, fix="correct the path, which starts at the project"
        )
    return url.set(database=str(path))


def _begin(connection: "sa.Connection") -> None:
    """Begin the one transaction, with times in UTC."""
    dialect = connection.dialect
    dbapi = connection.connection.dbapi_connection
    try:
        known = dialect.get_isolation_level_values(dbapi) if dbapi is not None else []
    except NotImplementedError:
        known = []
    level = next((level for level in ("REPEATABLE READ", "SERIALIZABLE") if level in known), None)
    if level is not None:
        connection.execution_options(isolation_level=level)
    if dialect.name in MYSQL:
        connection.exec_driver_sql("SET time_zone = '+00:00'")
    if dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")  # Python's driver begins none for a SELECT


def _relations(connection: "sa.Connection", project: Project) -> dict[str, Relation]:
    """The tables and views to read, by what they are called: their name, with the schema before it where two share it."""
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    found: list[Relation] = []
    for schema in _schemas(inspector, connection.dialect.name, project):
        found += [Relation(schema, str(name)) for name in inspector.get_table_names(schema=schema)]
        found += [Relation(schema, str(name), view=True) for name in inspector.get_view_names(schema=schema)]
    often = Counter(relation.name.lower() for relation in found)
    for relation in found:
        plain = often[relation.name.lower()] == 1 or relation.schema in {None, inspector.default_schema_name}
        relation.table = relation.name if plain else f"{relation.schema}_{relation.name}"
    chosen = included((relation.table for relation in found), project)
    wanted = [relation for relation in sorted(found, key=lambda r: r.table) if relation.table in chosen]
    return {relation.table: relation for relation in wanted if _described(inspector, relation, project)}


def _described(inspector: "sa.Inspector", relation: Relation, project: Project) -> bool:
    """Fill in columns and constraints; a view that this user may not look into is left out, unless it is asked for."""
    import sqlalchemy as sa

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sa.exc.SAWarning)  # of types that SQLAlchemy does not know: they become text
            columns = inspector.get_columns(relation.name, schema=relation.schema)
    except sa.exc.SQLAlchemyError as error:
        if not relation.view or project.database.include:
            raise
        cause = redact(str(getattr(error, "orig", None) or error), str(inspector.engine.url))
        log.warning("the view %s is left out, for its columns cannot be listed: %s", relation.table, cause)
        return False
    relation.kinds = {str(column["name"]): kind_of(column["type"]) for column in columns}
    if not relation.view:
        key = inspector.get_pk_constraint(relation.name, schema=relation.schema)["constrained_columns"]
        relation.key = tuple(map(str, key))
        relation.foreign = [dict(found) for found in inspector.get_foreign_keys(relation.name, schema=relation.schema)]
    return True


def _schemas(inspector: "sa.Inspector", dialect: str, project: Project) -> list[str | None]:
    """The schemas to read: those that the project names, or all; None is the one that the URL leads to."""
    wanted = project.database.schemas
    if not wanted and dialect in _ONE_SCHEMA and (inspector.default_schema_name or dialect == "sqlite"):
        return [None]
    known = [str(name) for name in inspector.get_schema_names()]
    for schema in wanted:
        if schema not in known:
            raise ProjectError(
                f"there is no schema {schema!r}",
                where=f"{project.settings_file}, [database] schemas",
                fix=nearest(schema, known),
            )
    return list(wanted) or [name for name in known if name.lower() not in _OF_ITS_OWN and not name.startswith("db_")]


class SqlalchemyFeed:
    """A `Feed` over one connection whose transaction has begun."""

    def __init__(self, rows: CursorRows | ConnectorxRows, relations: Mapping[str, Relation]) -> None:
        self._rows, self._relations = rows, relations
        self._tables = {name: _feed_table(relation, relations) for name, relation in relations.items()}

    @property
    def tables(self) -> Mapping[str, FeedTable]:
        """The tables by name."""
        return self._tables

    def read(self, table: FeedTable, since: tuple[str, object] | None = None) -> "pa.RecordBatchReader":
        """Stream the rows of `table`; with `since` = (column, value), those with column >= value or column null, and a few more.

        Raises:
            ProjectError: the source fails, also while the reader is read.
            SchemaError: a value is not of its column's type.
        """
        import sqlalchemy as sa

        relation = self._relations[table.name]
        columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in relation.kinds]
        statement = sa.select(*columns).select_from(sa.table(relation.name, *columns, schema=relation.schema))
        if since is not None and not isinstance(
            since[1], str
        ):  # the order of texts is the database's own: landing tells them apart
            mark: sa.ColumnClause[Any] = sa.column(since[0])
            statement = statement.where(sa.or_(mark >= _lowered(since[1]), mark.is_(None)))
        return self._rows.read(statement, relation)


def _feed_table(relation: Relation, relations: Mapping[str, Relation]) -> FeedTable:
    names = {(other.schema, other.name): other.table for other in relations.values()}
    keys = []
    for found in relation.foreign:
        parent = names.get((found["referred_schema"] or relation.schema, found["referred_table"]))
        if parent is not None and found["referred_columns"]:
            keys.append(ForeignKey(tuple(found["constrained_columns"]), parent, tuple(found["referred_columns"])))
    return FeedTable(
        relation.table, {name: kind.sql for name, kind in relation.kinds.items()}, Constraints(relation.key, tuple(keys))
    )


def _lowered(value: object) -> object:
    """A little below `value`: the database may hold more digits than its driver hands over. Landing looks at every row again."""
    if isinstance(value, datetime):
        return value - _SLACK
    return float(value) - abs(float(value)) * 1e-12 if isinstance(value, Decimal) else value
