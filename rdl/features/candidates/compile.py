"""From a plan of candidates to SQL: one script a call, one an as_of, one a bucket of entities, and the query of values.

All counts are integers and every order is total, so nothing depends on the order of rows or the number of threads.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rdl.database.engine import load_sql, quote
from rdl.features.candidates.plan import CandidatePlan, Link
from rdl.features.chain import Chain
from rdl.features.plan import describe
from rdl.timeline import ALWAYS, DAY, visible_sql

POINTS = "candidate_points"
LABELS = "candidate_labels"
SOURCES = ("past", "kindred", "together", "popular")
"""Where candidates come from, in the order in which a candidate of several is counted: the entity's own past, its groups, what goes
together with its recent rows, what is popular."""


@dataclass(frozen=True)
class PairFeature:
    """A number about an (entity, target) pair: `aged` ones are days before as_of, and grow with the staleness of the database."""

    name: str
    sql: str
    aged: bool = False


def facts_script(plan: CandidatePlan, latest: int) -> Iterator[str]:
    """The facts of every link, up to the latest as_of of a call."""
    for i, link in enumerate(plan.links):
        yield _fill("facts", name=_facts(i), visible=visible_sql("time", str(latest)), **_link_sql(link))


def followed_query(index: int) -> str:
    """How many labels the link at `index` shows."""
    return _fill("followed", facts=_facts(index))


def moment_script(plan: CandidatePlan, as_of: int) -> Iterator[str]:
    """What is computed once per as_of: how popular targets are, and which go together."""
    settings, seen = plan.settings, visible_sql("time", str(as_of))
    for i in range(len(plan.links)):
        yield _fill("items", name=f"candidate_items_{i}", facts=_facts(i), windows=_windows(plan, as_of), visible=seen)
    yield _popular(plan, as_of)
    if plan.links and plan.links[0].facts is not None:
        yield _fill(
            "neighbours",
            facts=_facts(0),
            since=as_of - settings.windows[-1],
            recent=settings.recent,
            sampled=settings.sampled,
            neighbours=settings.neighbours,
            visible=seen,
        )


def bucket_script(plan: CandidatePlan, as_of: int) -> Iterator[str]:
    """What is computed for a bucket of entities: their own past, and their candidates."""
    met, last = _met(plan), len(plan.settings.multiples) - 1
    for i in met:
        visible = visible_sql("time", str(as_of))
        yield _fill("pairs", name=f"candidate_pairs_{i}", facts=_facts(i), windows=_windows(plan, as_of), visible=visible)
    if 0 in met:
        for r in range(len(plan.groups)):
            yield _fill("groups", name=f"candidate_groups_{r}", group=f"g{r}", window=f"n{last}")
        yield _fill("together", recent=plan.settings.recent)
    yield _fill("chosen", sources="\n    UNION ALL ".join(_sources(plan)))


def values_query(plan: CandidatePlan, features: tuple[PairFeature, ...]) -> str:
    """The query of a bucket's candidates and their features."""
    columns = "".join(f",\n    CAST({f.sql} AS FLOAT) AS f{i}" for i, f in enumerate(features))
    return _fill("values", columns=columns, target=f"rows.{quote(plan.target_table)}", joins="\n".join(_joins(plan)))


def temporary_tables(plan: CandidatePlan) -> list[str]:
    """Everything the scripts leave behind."""
    numbered = [f"candidate_{kind}_{i}" for kind in ("facts", "items", "pairs") for i in range(len(plan.links))]
    groups = [f"candidate_groups_{r}" for r in range(len(plan.groups))]
    return [*numbered, *groups, *(f"candidate_{name}" for name in ("popular", "neighbours", "together", "chosen"))]


def pair_features(plan: CandidatePlan, as_of: int) -> tuple[PairFeature, ...]:
    """What is said of each candidate; names and number do not depend on `as_of`."""
    found = [f for i in range(len(plan.links)) for f in _link_features(plan, i, as_of)]
    found += [PairFeature("popular: place of late", "o.recent"), PairFeature("popular: place", "o.steady")]
    if 0 in _met(plan):
        found += [PairFeature("together: score", "coalesce(m.score, 0) / 1048576"), PairFeature("together: place", "m.place")]
        found += [f for r, column in enumerate(plan.groups) for f in _group_features(r, column)]
    if plan.timed:
        found.append(PairFeature("age", _age("o.born", as_of), aged=True))
    found += [PairFeature(name, _finite(f"TRY_CAST(t.{quote(name)} AS DOUBLE)")) for name in plan.numbers]
    for name in plan.times:
        moment = f"epoch_us(CAST(t.{quote(name)} AS TIMESTAMP))"
        found.append(PairFeature(f"{name}: age", f"({as_of} - CAST({moment} AS DOUBLE)) / {DAY}", aged=True))
    return tuple(found)


def _link_features(plan: CandidatePlan, i: int, as_of: int) -> Iterator[PairFeature]:
    windows, link = [describe(w) for w in plan.settings.windows], plan.links[i]
    steps = plan.settings.multiples
    counts = [f"n{j}" for j in range(len(windows))]
    for name, column in zip((*windows, "all"), (*counts, "n"), strict=True):
        yield PairFeature(f"{link}: popular {name}", f"coalesce(i{i}.{column}, 0)")
    yield PairFeature(f"{link}: popular since", _age(f"i{i}.last", as_of), aged=True)
    yield PairFeature(f"{link}: trend", f"i{i}.n0 * {steps[1] / steps[0]!r} / nullif(i{i}.n1, 0)")
    if link.facts is None:
        return
    for name, column in zip((*windows, "all"), (*counts, "n"), strict=True):
        yield PairFeature(f"{link}: met {name}", f"coalesce(p{i}.{column}, 0)")
        yield PairFeature(f"{link}: entity's {name}", f"coalesce(e{i}.{column}, 0)")
    yield PairFeature(f"{link}: met share", f"p{i}.n / e{i}.n")
    yield PairFeature(f"{link}: met since", _age(f"p{i}.last", as_of), aged=True)
    yield PairFeature(f"{link}: first met since", _age(f"p{i}.first", as_of), aged=True)
    spread = f"CASE WHEN p{i}.first > {ALWAYS} AND p{i}.n > 1 THEN (p{i}.last - p{i}.first) / (p{i}.n - 1) END"
    yield PairFeature(f"{link}: overdue", f"({as_of} - p{i}.last) / nullif({spread}, 0)")
    yield PairFeature(f"{link}: recent place", f"p{i}.recent")
    yield PairFeature(f"{link}: frequent place", f"p{i}.frequent")
    yield PairFeature(f"{link}: entity's rows", f"coalesce(e{i}.items, 0)")
    yield PairFeature(f"{link}: entity's since", _age(f"e{i}.last", as_of), aged=True)


def _group_features(r: int, column: str) -> Iterator[PairFeature]:
    yield PairFeature(f"{column}: met", f"coalesce(g{r}.n, 0)")
    yield PairFeature(f"{column}: met late", f"coalesce(g{r}.late, 0)")
    yield PairFeature(f"{column}: met share", f"g{r}.n / e0.n")
    yield PairFeature(f"{column}: place", f"g{r}.place")
    yield PairFeature(f"{column}: popular place", f"o.place{r}")


def _sources(plan: CandidatePlan) -> Iterator[str]:
    settings, met = plan.settings, _met(plan)
    for i in met:
        yield f"SELECT entity, item, 0 AS source FROM candidate_pairs_{i} WHERE least(recent, frequent) <= {settings.past}"
    if 0 in met:
        for r in range(len(plan.groups)):
            yield (
                f"SELECT g.entity, o.item, 1 AS source FROM candidate_groups_{r} g JOIN candidate_popular o ON o.g{r} = g.value "
                f"WHERE g.place <= {settings.groups} AND o.place{r} <= {settings.in_group}"
            )
        yield f"SELECT entity, item, 2 AS source FROM candidate_together WHERE place <= {settings.together}"
    yield (
        f"SELECT q.entity, o.item, 3 AS source FROM {POINTS} q CROSS JOIN candidate_popular o "
        f"WHERE least(o.recent, o.steady) <= {settings.popular}"
    )


def _joins(plan: CandidatePlan) -> Iterator[str]:
    totals = ", ".join(f"sum(n{j}) AS n{j}" for j in range(len(plan.settings.multiples)))
    met = _met(plan)
    for i in range(len(plan.links)):
        yield f"LEFT JOIN candidate_items_{i} i{i} ON i{i}.item = c.item"
    for i in met:
        yield f"LEFT JOIN candidate_pairs_{i} p{i} ON p{i}.entity = c.entity AND p{i}.item = c.item"
        whole = (
            f"SELECT entity, count(*) AS items, sum(n) AS n, max(last) AS last, {totals} FROM candidate_pairs_{i} GROUP BY entity"
        )
        yield f"LEFT JOIN ({whole}) e{i} ON e{i}.entity = c.entity"
    if 0 in met:
        yield "LEFT JOIN candidate_together m ON m.entity = c.entity AND m.item = c.item"
        for r in range(len(plan.groups)):
            yield f"LEFT JOIN candidate_groups_{r} g{r} ON g{r}.entity = c.entity AND g{r}.value = o.g{r}"


def _popular(plan: CandidatePlan, as_of: int) -> str:
    counts = ["i.n", *(f"i.n{j}" for j in reversed(range(len(plan.settings.multiples))))]  # longest window first
    steady = [*counts[1:], counts[0]]
    recent = [*reversed(counts[1:]), counts[0]]
    nothing = "(SELECT NULL::BIGINT AS item, 0 AS n" + "".join(f", 0 AS n{j}" for j in range(len(plan.settings.multiples))) + ")"
    refs = [quote("_ref_" + column) for column in plan.groups]
    return _fill(
        "popular",
        target=f"rows.{quote(plan.target_table)}",
        items="candidate_items_0" if plan.links else nothing,
        recent=", ".join(f"coalesce({c}, 0) DESC" for c in recent),
        steady=", ".join(f"coalesce({c}, 0) DESC" for c in steady),
        groups="".join(f", t.{ref} AS g{r}" for r, ref in enumerate(refs)),
        places="".join(f", row_number() OVER (PARTITION BY g{r} ORDER BY steady) AS place{r}" for r in range(len(refs))),
        visible=visible_sql("t._time", str(as_of)),
    )


def _link_sql(link: Link) -> dict[str, str]:
    """Row ids of both ends, the time from which all rows on the way are visible, and the joins."""
    times, joins = ["f._time"], list[str]()
    entity = "CAST(NULL AS BIGINT)" if link.facts is None else _climb(link.facts, "c", times, joins, last=False)
    item = _climb(link.targets, "d", times, joins, last=True)
    if link.facts is None:
        entity = "-1"
    return {
        "entity": entity,
        "item": item,
        "time": f"greatest({', '.join(times)})",
        "source": f"rows.{quote(link.table)}",
        "joins": "\n".join(joins),
    }


def _climb(chain: Chain, prefix: str, times: list[str], joins: list[str], *, last: bool) -> str:
    """The row id at the chain's end; the row there is joined too where its own time counts (`last`)."""
    alias, row = "f", "f._row"
    for i, hop in enumerate(chain.hops):
        row = f"{alias}.{quote('_ref_' + hop.column)}"
        if last or i + 1 < len(chain.hops):
            alias = f"{prefix}{i}"
            joins.append(f"JOIN rows.{quote(hop.table)} {alias} ON {alias}._row = {row}")
            times.append(f"{alias}._time")
    return row


def _windows(plan: CandidatePlan, as_of: int) -> str:
    return "".join(f", count(*) FILTER (time >= {as_of - w}) AS n{j}" for j, w in enumerate(plan.settings.windows))


def _met(plan: CandidatePlan) -> list[int]:
    """The links that know an entity."""
    return [i for i, link in enumerate(plan.links) if link.facts is not None]


def _age(time: str, as_of: int) -> str:
    """Days before as_of; null where the rows are static."""
    return f"CASE WHEN {time} > {ALWAYS} THEN ({as_of} - {time}) / {DAY} END"


def _finite(number: str) -> str:
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def _facts(index: int) -> str:
    return f"candidate_facts_{index}"


def _fill(name: str, /, **parts: object) -> str:
    return load_sql(f"features/candidates/{name}.sql").format(**parts)
