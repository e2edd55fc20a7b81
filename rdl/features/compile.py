"""From a block of the plan to the SQL that computes it.

The compiled block is a list of statements over `feature_points(_point, key, as_of)`. Facts are kept once per key in the order of
(time, row id) with running sums, so the rows visible at any time are a prefix, a window is the difference of two prefixes, and the
cost does not grow with the length of histories. Sums run over scaled integers: exact, so equal in any order and on any number of
threads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rdl.database.engine import literal, load_sql, quote
from rdl.features.chain import Chain
from rdl.features.families import FAMILIES
from rdl.features.families.sequence import weight
from rdl.features.plan import Anchor, Block, Feature, Measure
from rdl.features.reading import finite_sql
from rdl.features.text import TESTS, has_sql, text_sql
from rdl.features.uses import POSITION, Uses
from rdl.timeline import ALWAYS, NEVER, visible_sql

CLAMP_BITS = 42
HISTORY = "feature_history"
ALIKE = "feature_alike"
POINTS = "feature_points"


@dataclass(frozen=True)
class CompiledBlock:
    """SQL of one block.

    Attributes:
        facts, visible, recent: statements that make the block's temporary tables; `recent` is "" where nothing needs it.
        values: a query with `_point` and the columns f0, f1, … of `features` in their order.
        natives: where the fact rows' own columns stand in `feature_facts`, by name.
    """

    features: tuple[Feature, ...]
    facts: str
    visible: str
    recent: str
    values: str
    natives: Mapping[str, str]

    @property
    def script(self) -> tuple[str, ...]:
        """The statements to run before `values`."""
        return tuple(s for s in (self.facts, self.visible, self.recent) if s)

    def native(self, column: str) -> str:
        """The name in `feature_facts` of a column of the fact rows."""
        return self.natives[column]


def compile_block(
    block: Block, features: Sequence[Feature], half_lives: Sequence[float], recent: int, ascents: Sequence[Chain] = ()
) -> CompiledBlock:
    """The SQL of `features`, all of them of `block`.

    `ascents` are chains from the fact rows whose first reference column must be kept, for blocks that start from this one.
    """
    uses = Uses(block, half_lives)
    columns = [f"{column_sql(f, FAMILIES[f.proposer].sql(f, uses))} AS f{i}" for i, f in enumerate(features)]
    for ascent in ascents:
        uses.native(f"_ref_{ascent.hops[0].column}")
    for ascent in uses.parents:
        uses.native(f"_ref_{ascent.hops[0].column}")
    values = load_sql("features/values.sql").format(
        columns="".join(f",\n    {c}" for c in columns), joins="\n".join(_value_joins(uses))
    )
    return CompiledBlock(
        tuple(features),
        _facts(block, uses, _read(block, features)),
        _visible(uses),
        _recent(uses, recent) if uses.aggregates else "",
        values,
        uses.natives,
    )


def column_sql(feature: Feature, sql: str) -> str:
    """A feature's expression as the matrix takes it; null where a number is too large."""
    return f"TRY_CAST({sql} AS {'VARCHAR' if feature.categorical else 'FLOAT'})"


def parents_query(block_natives: str, ascent: Chain, places: int) -> str:
    """Row ids of the parents at the end of `ascent`, for each of the last `places` rows of every point: (_point, place, parent)."""
    joins, alias = [], "f"
    column = block_natives
    for i, hop in enumerate(ascent.hops):
        joins.append(climb(hop.table, f"a{i}", f"{alias}.{column}"))
        alias = f"a{i}"
        column = quote("_ref_" + ascent.hops[i + 1].column) if i + 1 < len(ascent.hops) else "_row"
    return load_sql("features/parents.sql").format(places=places, parent=f"{alias}._row", joins="\n".join(joins))


def group_query(block: Block) -> str:
    """Which group every entity of a PEERS block belongs to: (entity, code, time); those without a value are left out."""
    assert block.ascent is not None
    return load_sql("features/groups.sql").format(table=quote(block.ascent.table), column=quote(block.group))


def fact_table(block: Block) -> str:
    """Where the block's fact rows are, as SQL."""
    return HISTORY if block.facts is None else f"rows.{quote(block.facts.table)}"


def climb(table: str, alias: str, reference: str) -> str:
    """A join to a parent row that is itself visible."""
    return f"LEFT JOIN rows.{quote(table)} {alias} ON {alias}._row = {reference} AND {visible_sql(f'{alias}._time', 'p.as_of')}"


def _read(block: Block, features: Sequence[Feature]) -> list[int]:
    """The measures that the features read; a plan of few features carries few columns."""
    return sorted({i for f in features for i in FAMILIES[f.proposer].measures(f, block)})


def _facts(block: Block, uses: Uses, read: Sequence[int]) -> str:
    key, time, joins = chain_sql(block)
    if block.anchor in (Anchor.WORLD, Anchor.SEASON):
        key = "0"
    raw = [f", f.{quote(column)} AS {alias}" for column, alias in uses.natives.items()]
    raw += [f", {number_sql(block.measures[i])} AS v{i}" for i in read]
    scaled = [f", {_scaled(i, block.measures[i])} AS x{i}" for i in read]
    return load_sql("features/facts.sql").format(
        key=key,
        time=time,
        source=fact_table(block),
        joins="\n".join(joins),
        raw="".join(raw),
        scaled="".join(scaled),
        running="".join(f", {_running(column)}" for column in uses.running),
        never=NEVER,
        always=ALWAYS,
        points=POINTS,
    )


def _scaled(index: int, measure: Measure) -> str:
    """The scaled integer; greatest() and least() pass over nulls, so a null must not reach them."""
    bound, factor = 2**CLAMP_BITS, f"CAST({2.0**measure.scale!r} AS DOUBLE)"
    inside = f"greatest(least(round(v{index} * {factor}), {bound}), -{bound})"
    return f"CASE WHEN v{index} IS NOT NULL THEN CAST({inside} AS BIGINT) END"


def chain_sql(block: Block) -> tuple[str, str, list[str]]:
    """Key, effective time and joins of the facts: a row counts from when the whole chain to its key is visible."""
    if block.anchor is Anchor.PEERS:
        assert block.ascent is not None
        peers = f"JOIN ({group_query(block)}) g ON g.entity = f.entity"
        return "g.code", "greatest(f.time, g.time)", [peers]
    if block.anchor is Anchor.ALIKE:
        return "g.code", "f.time", [f"JOIN {ALIKE} g ON g.row = f._row"]
    if block.facts is None:
        return "f.entity", "f.time", []
    key, times, joins, alias = "f._row", ["f._time"], [], "f"
    for i, hop in enumerate(block.facts.hops):
        key = f"{alias}.{quote('_ref_' + hop.column)}"
        if i + 1 < len(block.facts.hops):
            alias = f"c{i}"
            joins.append(f"JOIN rows.{quote(hop.table)} {alias} ON {alias}._row = {key}")
            times.append(f"{alias}._time")
    return key, f"greatest({', '.join(times)})", joins


def number_sql(measure: Measure) -> str:
    """SQL of a measure's number in a fact row, a DOUBLE; null where there is none, never NaN, infinite or -0."""
    column = f"f.{quote(measure.column)}"
    number = finite_sql(column)
    match measure.test:
        case "" if measure.by:
            return f"CASE WHEN {_equal(f'f.{quote(measure.by)}', measure.value)} THEN {number} END"
        case "":
            return number
        case "filled":
            return f"CAST({column} IS NOT NULL AS DOUBLE)"
        case "has":
            return has_sql(column, literal(measure.value))
        case test if test in TESTS:
            return text_sql(test, column)
        case _:
            return f"CAST({_equal(column, measure.value)} AS DOUBLE)"


def _equal(column: str, value: str) -> str:
    return f"CAST({column} AS VARCHAR) IS NOT DISTINCT FROM {literal(value)}"


def _running(column: str) -> str:
    kind, i = column.rstrip("0123456789"), column.lstrip("abcdefghijklmnopqrstuvwxyz")
    expression = {
        "s": f"sum(x{i})",
        "q": f"sum(CAST(x{i} AS HUGEINT) * x{i})",
        "c": f"count(x{i})",
        "lo": f"min(v{i})",
        "hi": f"max(v{i})",
    }[kind]
    return f"{expression} OVER running AS {column}"


def _visible(uses: Uses) -> str:
    spans = "".join(f", ({i + 1}, {window})" for i, window in enumerate(uses.windows))
    counts = "".join(
        f", coalesce(max(b.rows) FILTER (b.place = {i + 1}), 0) AS n_{alias}" for i, alias in enumerate(uses.windows.values())
    )
    return load_sql("features/visible.sql").format(
        spans=spans, counts=counts, visible=visible_sql("m._time", "q.bound"), points=POINTS
    )


def _recent(uses: Uses, recent: int) -> str:
    lags = ", ".join(
        f"({', '.join(str(v) for v in (place, *(weight(h, place) for h in uses.half_lives)))})" for place in range(recent)
    )
    names = ", ".join(("j", *(f"w{i}" for i in range(len(uses.half_lives)))))
    aggregates = "".join(f",\n    {sql} AS {alias}" for sql, alias in uses.aggregates.items())
    return load_sql("features/recent.sql").format(lags=lags, names=names, aggregates=aggregates)


def _value_joins(uses: Uses) -> list[str]:
    joins = [_row_join(alias, f"p.n_{alias}") for alias in uses.windows.values()]
    joins += [_row_join(alias, f"p.n0 - {rows}") for rows, alias in uses.counts.items()]
    if uses.aggregates:
        joins.append("LEFT JOIN feature_recent t ON t._key = p.key AND t._pos = p.n0")
    return [*joins, *parent_joins(uses)]


def parent_joins(uses: Uses) -> list[str]:
    """Joins to the parents of the last row that the expressions read."""
    joins = []
    for ascent, alias in uses.parents.items():
        before = uses.parents.get(Chain(ascent.table, ascent.hops[:-1]))
        column = f"_ref_{ascent.hops[-1].column}"
        joins.append(climb(ascent.end, alias, f"{before}.{quote(column)}" if before else f"h.{uses.native(column)}"))
    return joins


def _row_join(alias: str, position: str) -> str:
    return f"LEFT JOIN feature_facts {alias} ON {alias}._key = p.key AND {alias}.{POSITION} = {position}"
