"""A project folder, read once and validated at the edge.

A folder with `rdl.toml` is a project; a RelBench v3 folder (`manifest.yaml`, `db/*.parquet`, `tasks/*/manifest.yaml`) is one as it
stands. Both become the same frozen `Project`. Unknown keys are refused with the nearest known one.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rdl.errors import ProjectError, TimeError, nearest
from rdl.timeline import parse_duration, parse_time

T = TypeVar("T", bound=BaseModel)

SemanticName = Literal[
    "numeric", "categorical", "multi_categorical", "boolean", "timestamp", "date", "text", "embedding", "identifier"
]
PolicyName = Literal["refuse", "drop", "null", "keep"]


_BRANCHES = ("str", "list[str]", "date", "datetime")  # how pydantic names the branches of a union, which are no keys of the file


_UNITS = {"B": 1} | {f"{prefix}{i}B": (1024 if i else 1000) ** n for n, prefix in enumerate("KMGT", 1) for i in ("", "i")}


def _size(text: str) -> int:
    """Bytes of a size such as `4GB`."""
    unit = text.lstrip("0123456789. ")
    return int(float(text.removesuffix(unit)) * _UNITS[unit])


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DatabaseSettings(_Settings):
    """`[database]`: where the rows come from, and the limits they are read within.

    Attributes:
        source: a folder, a glob, a database file, or a URL; `${NAME}` in a URL stands for a variable of the environment.
        staging: a folder with one SELECT a table.
        schemas: a server's schemas to read; all of them by default.
        include: patterns of the tables to read, such as `sales_*`; all of them by default.
        snapshot: copy Parquet files as well, where rdl would read them in place.
        infer: fill in keys, times and references of tables of which nothing is declared, where the evidence is strong.
        temp_limit: disk that one query may spill to.
        text: how networks read free text: "hashing" of its words, or the name of a sentence-transformers model.
    """

    source: str
    staging: str | None = None
    schemas: list[str] = Field(default_factory=list)
    include: list[str] = Field(default_factory=list)
    snapshot: bool = False
    infer: bool = True
    memory_limit: str = Field(default="4GB", pattern=r"^\d+(\.\d+)? ?([KMGT]i?)?B$")
    threads: int = Field(default=2, ge=1)
    query_limit: str = "10 minutes"
    temp_limit: str = Field(default="20GB", pattern=r"^\d+(\.\d+)? ?([KMGT]i?)?B$")
    text: str = "hashing"

    @property
    def memory(self) -> int:
        """The memory limit in bytes."""
        return _size(self.memory_limit)


class TableSettings(_Settings):
    """`[tables.NAME]`: what the source does not say of a table.

    Attributes:
        key: its column or columns; `[]` says that there is none.
        time: the column of the event time; `false` says that there is none.
        lag: how long after it happened a row arrives.
        references: parent by column: `customer_id = "customers"`, `"shop,number" = "tills"`, `code = "countries.iso"`.
        hide: columns that no feature, graph or encoder may read.
        types: what columns mean, where rdl infers something else.
        watermark: a column that never falls from one arriving row to the next: only rows at or above its last value are read anew.
        lookback: how far below the last watermark rows may still arrive or change: a duration, or a number.
        checks: policy by check, for this table.
    """

    key: str | list[str] | None = None
    time: str | Literal[False] | None = None
    lag: str = "0 days"
    references: dict[str, str] | None = None
    hide: list[str] = Field(default_factory=list)
    types: dict[str, SemanticName] = Field(default_factory=dict)
    watermark: str | None = None
    lookback: str | int = 0
    checks: dict[str, PolicyName] = Field(default_factory=dict)

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The key as a tuple of columns; empty where none is declared."""
        if self.key is None:
            return ()
        return (self.key,) if isinstance(self.key, str) else tuple(self.key)


class TrackingSettings(_Settings):
    """`[tracking]`: the MLflow server or store; the project's home by default.

    Attributes:
        uri: its address.
        artifacts: URL of the folder for files, such as `s3://bucket/rdl` or `file:///srv/rdl`; by default the store decides.
        experiment: the experiment's name; `PROJECT/TASK` by default.
    """

    uri: str | None = None
    artifacts: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9+.-]*:/")
    experiment: str | None = None


class KeepSettings(_Settings):
    """`[keep]`: what rdl keeps in the project's home to save work: computed features, fits, graphs, checkpoints.

    Attributes:
        limit: its size; beyond it goes what was not used for longest, but nothing that the latest models need. With "0B" no
            feature is kept.
    """

    limit: str = Field(default="20GB", pattern=r"^\d+(\.\d+)? ?([KMGT]i?)?B$")

    @property
    def bytes(self) -> int:
        """The limit in bytes."""
        return _size(self.limit)


class _File(_Settings):
    name: str | None = None
    database: DatabaseSettings
    tables: dict[str, TableSettings] = Field(default_factory=dict)
    checks: dict[str, PolicyName] = Field(default_factory=dict)
    tracking: TrackingSettings = Field(default_factory=TrackingSettings)
    keep: KeepSettings = Field(default_factory=KeepSettings)


@dataclass(frozen=True)
class RelbenchSplits:
    """The two dates of a RelBench manifest, in microseconds UTC."""

    validate: int
    test: int


@dataclass(frozen=True)
class Project:
    """A validated project.

    Attributes:
        name: the project's name, the folder's by default.
        root: the project folder; relative paths in its files start here.
        home: where everything that rdl makes goes.
        relbench: the split dates of a RelBench folder, None for an rdl project.
        checks: policy by check, for every table that states none.
        keep: how much of what saves work is kept.
    """

    name: str
    root: Path
    home: Path
    database: DatabaseSettings
    tables: Mapping[str, TableSettings]
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    relbench: RelbenchSplits | None = None
    checks: Mapping[str, PolicyName] = field(default_factory=dict)
    keep: KeepSettings = field(default_factory=KeepSettings)

    def snapshot(self) -> "Project":
        """The same project, with every row copied into its home: for what outlives tonight's files, such as a server."""
        return replace(self, database=self.database.model_copy(update={"snapshot": True}))

    @property
    def settings_file(self) -> Path:
        """The file the settings were read from, for messages."""
        return self.root / ("manifest.yaml" if self.relbench else "rdl.toml")


def open_project(folder: str | Path, home: str | Path | None = None) -> Project:
    """Read and validate the project in `folder`.

    Raises:
        ProjectError: the folder or its settings file is missing or wrong.
    """
    root = Path(folder).resolve()
    if not root.is_dir():
        raise ProjectError(f"no such folder: {folder}", fix="name a project folder with --project, or make one: rdl demo shop")
    place = Path(home).resolve() if home is not None else root / ".rdl"
    if (root / "rdl.toml").is_file():
        return _from_toml(root, place)
    if (root / "manifest.yaml").is_file():
        return _from_relbench(root, place)
    raise ProjectError(
        f"{folder} is not a project: it has neither rdl.toml nor a RelBench manifest.yaml",
        fix="write an rdl.toml, or make an example project: rdl demo shop",
    )


def _from_toml(root: Path, home: Path) -> Project:
    path = root / "rdl.toml"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"not readable as TOML: {error}", where=str(path), fix="mend the line named above") from error
    settings = validate(_File, raw, str(path))
    for name, table in settings.tables.items():
        check_duration(table.lag, f"{path}, [tables.{name}] lag")
    if check_duration(settings.database.query_limit, f"{path}, [database] query_limit") == 0:
        raise ProjectError(
            f"query_limit = {settings.database.query_limit!r} lets no query run",
            where=f"{path}, [database]",
            fix='write for example "10 minutes"',
        )
    return Project(
        name=settings.name or root.name,
        root=root,
        home=home,
        database=settings.database,
        tables=settings.tables,
        tracking=settings.tracking,
        checks=settings.checks,
        keep=settings.keep,
    )


def _from_relbench(root: Path, home: Path) -> Project:
    path = root / "manifest.yaml"
    raw = read_yaml(path)
    try:
        tables = {
            name: TableSettings(key=table["pkey"] or [], time=table["time_col"] or False, references=dict(table.get("fkeys") or {}))
            for name, table in raw["tables"].items()
        }
        splits = RelbenchSplits(parse_time(raw["val_timestamp"]), parse_time(raw["test_timestamp"]))
        name = raw["name"]
    except (KeyError, TypeError, AttributeError, ValueError, TimeError) as error:
        raise ProjectError(
            f"not a RelBench v3 manifest: {error!r}",
            where=str(path),
            fix="it needs name, val_timestamp, test_timestamp, tables",
        ) from error
    return Project(name, root, home, DatabaseSettings(source="db"), tables, relbench=splits)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Raises:
        ProjectError: the file is missing, no YAML, or holds no mapping.
    """
    import yaml

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ProjectError(f"not readable as YAML: {error}", where=str(path), fix="check that the file is whole") from error
    if not isinstance(raw, dict):
        raise ProjectError(f"expected a mapping, found {type(raw).__name__}", where=str(path), fix="see RelBench's v3 format")
    return raw


def validate(model: type[T], raw: Mapping[str, Any], where: str) -> T:
    """`raw` as a `model`, or a ProjectError that names the key, the value and the nearest known key."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")  # a misspelt key explains a missing one
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = _known_keys(model, first["loc"][:-1])
            raise ProjectError(f"unknown key {place!r}", where=where, fix=nearest(str(first["loc"][-1]), known)) from error
        if first["type"] == "missing":
            raise ProjectError(f"missing key {place!r}", where=where, fix=f"add {place!r}") from error
        for branch in _BRANCHES:
            place = place.removesuffix(f".{branch}")
        raise ProjectError(f"{place} = {first['input']!r}: {first['msg']}", where=where, fix="correct the value") from error


def _known_keys(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The keys known at `place` inside `model`, walking through tables of settings (dict values) as well."""
    current: Any = model
    for part in place:
        if isinstance(current, type) and issubclass(current, BaseModel):
            info = current.model_fields.get(str(part))
            current = info.annotation if info else None
        elif get_origin(current) is dict:
            current = get_args(current)[1]
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [info.alias or name for name, info in current.model_fields.items()]
    return []


def check_duration(text: str, where: str) -> int:
    """`parse_duration` with the place in the message."""
    try:
        return parse_duration(text)
    except TimeError as error:
        raise ProjectError(error.what, where=where, fix=error.fix) from error
