"""The slow, obvious oracles that the fast code is held against: plain Python, one row at a time."""

import dataclasses
import datetime as dt
import hashlib
import math
import re


def temporal_subgraph(tables, references, entity_table, entity, as_of, hops, window=None):
    """Everything one seed may reach in `hops` hops; of tables with a time, no child older than `window` before `as_of`.

    `tables` maps a table to its rows' times, `references` maps (child, column, parent) to the parent's row of every child
    row, -1 for none. Returns ({(table, row): hop first reached}, [(hop, edge type, source row, destination row)]).
    """

    def visible(table, row):
        return tables[table][row] < as_of

    def recent(table, row):
        static = all(time == -(2**63) for time in tables[table])
        return window is None or static or tables[table][row] >= as_of - window

    def neighbours(table, row):
        for (child, column, parent), keys in references.items():
            if parent == table:
                for source, key in enumerate(keys):
                    if key == row and visible(child, source) and recent(child, source):
                        yield (child, column, parent), child, source
            if child == table and visible(table, row) and keys[row] >= 0 and visible(parent, keys[row]):
                yield (parent, f"rev_{column}", child), parent, keys[row]

    reached, edges, frontier = {(entity_table, entity): 0}, [], [(entity_table, entity)]
    for hop in range(1, hops + 1):
        found = []
        for table, row in frontier:
            for edge, source_table, source in neighbours(table, row):
                edges.append((hop, edge, source, row))
                if (source_table, source) not in reached:
                    reached[source_table, source] = hop
                    found.append((source_table, source))
        frontier = found
    return reached, edges


def feature(world, history, plan, seed, name):
    """One feature of one seed by loops over all rows.

    `world` maps a table to its rows, dicts with `_row`, `_time`, `_ref_*` and the columns; `history` holds (entity, time, value);
    `seed` is (entity, cutoff, as_of). Returns a number, a text, or None.
    """
    entity, cutoff, as_of = seed
    wanted = next(f for f in plan.features if f.name == name)
    if wanted.operands:
        left, right = (feature(world, history, plan, seed, operand) for operand in wanted.operands)
        return None if left is None or right is None else left - right
    block = next(b for b in plan.blocks if b.name == wanted.block)
    blocks = {b.name: b for b in plan.blocks}
    if block.anchor == "self":
        found = [feature_at(world, history, plan, block, wanted, entity, as_of)]
    elif block.anchor == "peers":
        own = world[block.ascent.table][entity]
        value = text(own[block.group]) if own["_time"] < as_of else None
        found = [feature_at(world, history, plan, block, wanted, value, as_of)]
    elif block.anchor == "alike":
        value, horizon = value_at(world, history, blocks, block, entity, as_of), plan.settings.horizon
        alike = [h for h in history if value_at(world, history, blocks, block, h[0], h[1] - horizon) == value is not None]
        found = [feature_at(world, alike, plan, dataclasses.replace(block, anchor="world"), wanted, 0, as_of)]
    elif block.anchor == "world":
        found = [feature_at(world, history, plan, block, wanted, 0, as_of)]
    elif block.anchor == "season":
        found = [feature_at(world, history, plan, block, wanted, 0, season_end(plan, block, cutoff, as_of))]
    else:
        rows = block_rows(world, history, blocks[block.source], entity, as_of)
        parents = [climb(world, row, block.ascent, as_of) for _, _, row in rows[-(1 if block.anchor == "last" else 10) :]]
        found = [feature_at(world, history, plan, block, wanted, p["_row"], as_of) for p in parents if p is not None]
        found = [value for value in found if value is not None]
        found = [sum(found) / len(found)] if found else [None]
    value = found[0]
    return value + (cutoff - as_of) / 86_400_000_000 if wanted.aged and value is not None else value


def value_at(world, history, blocks, block, entity, as_of):
    """The value that a block asks of an entity's last visible row, or of a parent of it, at a moment."""
    rows = block_rows(world, history, blocks[block.source], entity, as_of)
    parent = climb(world, rows[-1][2], block.ascent, as_of) if rows else None
    return None if parent is None else text(parent[block.group])


def season_end(plan, block, cutoff, as_of):
    """The latest end, whole years before the season's, that is not after `as_of`."""
    year = round(365.2425 * 86_400_000_000)
    end = cutoff + plan.settings.horizon + (plan.settings.horizon // 2 if block.facts is None else 0)
    while end > as_of:
        end -= year
    return end


def block_rows(world, history, block, key, as_of):
    """(time, row id, row) of a block's visible rows in order; a row counts from when its whole chain is visible."""
    found = []
    if block.facts is None:
        ordered = sorted(history, key=lambda h: (h[1], h[0], h[2]))
        rows = [{"_row": i, "_time": time, "key": e, "value": value} for i, (e, time, value) in enumerate(ordered)]
    else:
        rows = world[block.facts.table]
    for row in rows:
        time, node, end = row["_time"], row, row["_row"]
        if block.facts is None:
            end = row["key"]
        for i, hop in enumerate(block.facts.hops if block.facts else ()):
            end = node["_ref_" + hop.column]
            if end is None:
                break
            if i + 1 < len(block.facts.hops):
                node = world[hop.table][end]
                time = max(time, node["_time"])
        if block.anchor in ("world", "season"):
            end = 0
        if block.anchor == "peers":
            peer = world[block.ascent.table][row["key"]]
            time, end = max(time, peer["_time"]), text(peer[block.group])
            if end is None:
                continue
        if end == key and time < as_of:
            found.append((time, row["_row"], row))
    return sorted(found, key=lambda item: item[:2])


def climb(world, row, ascent, as_of):
    """The visible parent at the end of a chain, or None."""
    for hop in ascent.hops:
        parent = row["_ref_" + hop.column]
        row = None if parent is None else world[hop.table][parent]
        if row is None or row["_time"] >= as_of:
            return None
    return row


def feature_at(world, history, plan, block, wanted, key, as_of):
    """One feature of one key."""
    rows = block_rows(world, history, block, key, as_of)
    inside = [r for r in rows if not wanted.window or r[0] >= as_of - wanted.window]
    kind, day = wanted.aggregate, 86_400_000_000
    if kind == "count":
        return len(inside)
    if kind == "times":
        return len({r[0] for r in inside})
    if kind == "burst":
        longer = [r for r in rows if r[0] >= as_of - wanted.parameter]
        return len(inside) / len(longer) if longer else None
    if kind == "distinct":
        return len({r[2][wanted.column] for r in rows[-wanted.rows :]} - {None})
    if not rows:
        return None
    static = rows[-1][0] == -(2**63)
    if kind == "age_last":
        return None if static else (as_of - rows[-1][0]) / day
    if kind == "age_first":
        return None if rows[0][0] == -(2**63) else (as_of - rows[0][0]) / day
    if kind in ("gap_mean", "overdue"):
        gap = (rows[-1][0] - rows[0][0]) / day / (len(rows) - 1) if len(rows) > 1 and not static else None
        return gap if kind == "gap_mean" or gap is None else None if gap == 0 else (as_of - rows[-1][0]) / day / gap
    if kind == "gap_last":
        return None if len(rows) < 2 or static else (rows[-1][0] - rows[-2][0]) / day
    if kind in ("entropy", "dominance"):
        return variety(block, wanted, inside)
    if kind.startswith("episode"):
        return episode(wanted, rows[-wanted.rows :], rows[: -wanted.rows], as_of)
    if wanted.proposer == "attributes":
        parent = climb(world, rows[-1][2], wanted.ascent, as_of)
        value = None if parent is None else parent[wanted.column]
        if kind in ("age", "since"):
            return days_from(value, as_of, past=kind == "since")
        if kind in ("length", "words0", "words1", "words2", "words3"):
            return words(kind, value)
        return text(value) if wanted.categorical else value
    return measured(plan, block, wanted, rows, inside, as_of)


def days_from(value, as_of, past):
    """Days from a moment, which may have to be past, to `as_of`."""
    moment = None if value is None else (value - dt.datetime(1970, 1, 1)) / dt.timedelta(microseconds=1)
    return None if moment is None or (past and moment >= as_of) else (as_of - moment) / 86_400_000_000


def text(value):
    """A value as SQL writes it."""
    return value if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def words(test, value):
    """How long a text is, or how many of its words fall into a bucket."""
    if value is None:
        return None
    if test == "length":
        return len(value)
    found = words_of(value)
    low = [int.from_bytes(hashlib.md5(w.encode()).digest()[8:], "little") for w in found]
    return sum(number % 4 == int(test[-1]) for number in low)


def words_of(value):
    """A text's words in lower case."""
    return [w for w in re.split(r"[^\w]+|_", value.lower()) if w]


def variety(block, wanted, inside):
    """Entropy of the frequent values and the rest, or the share of the most frequent one."""
    if not inside:
        return None
    top = [m.value for m in block.measures if m.test == "is" and m.column == wanted.column]
    values = [text(r[2][wanted.column]) for r in inside]
    shares = [sum(v == t for v in values) / len(values) for t in top]
    shares.append(1 - sum(shares))
    if wanted.aggregate == "dominance":
        return max(shares)
    return sum(-p * math.log(p) for p in shares if p > 1e-9)


def episode(wanted, last, older, as_of):
    """Rows, start or number of the runs of rows without a long gap, among the last rows."""
    before = [older[-1] if older else None, *last[:-1]]
    starts = [i for i, (row, b) in enumerate(zip(last, before, strict=True)) if b is None or row[0] - b[0] > wanted.parameter]
    if wanted.aggregate == "episodes":
        return len(starts)
    if wanted.aggregate == "episode_rows":
        return len(last) - starts[-1] if starts else len(last)
    return (as_of - last[starts[-1]][0]) / 86_400_000_000 if starts else None


def measured(plan, block, wanted, rows, inside, as_of):
    """An aggregate of a measure."""
    measure = block.measures[wanted.measure]

    def number(row):
        value = row[2][measure.column]
        if measure.by and text(row[2][measure.by]) != measure.value:
            return None
        if measure.test == "has":
            return None if value is None else float(measure.value in words_of(value))
        if measure.test in ("length", "words0", "words1", "words2", "words3"):
            return words(measure.test, value)
        return {"": value, "filled": float(value is not None), "is": float(text(value) == measure.value)}[measure.test]

    kind = wanted.aggregate
    last = [number(r) for r in reversed(rows)]
    if kind in ("streak", "since", "age_of"):
        recent = [(bool(v), r[0]) for v, r in zip(last, reversed(rows), strict=True)][: wanted.rows]
        if kind == "age_of":
            return next(((as_of - time) / 86_400_000_000 for held, time in recent if held), None)
        return next((i for i, (held, _) in enumerate(recent) if held == (kind == "since")), len(recent))
    if kind == "last":
        return last[wanted.rows] if wanted.rows < len(last) else None
    if kind.startswith("ewm"):
        weights = [round(2 ** (20 - j / float(kind[3:]))) for j in range(plan.settings.recent)]
        pairs = [(w, v) for w, v in zip(weights, last, strict=False) if v is not None]
        return sum(w * v for w, v in pairs) / sum(w for w, _ in pairs) if pairs else None
    if kind == "trend":
        pairs = [(-j, v) for j, v in enumerate(last[: wanted.rows]) if v is not None]
        if len(pairs) < 2:
            return None
        mid, mean = (sum(p[i] for p in pairs) / len(pairs) for i in (0, 1))
        return sum((j - mid) * (v - mean) for j, v in pairs) / sum((j - mid) ** 2 for j, _ in pairs)
    values = [v for v in (last[: wanted.rows] if wanted.rows else [number(r) for r in inside]) if v is not None]
    if kind == "std":
        if len(values) < 2:
            return None
        mean = sum(values) / len(values)
        return (sum((v - mean) ** 2 for v in values) / (len(values) - 1)) ** 0.5
    if not values:
        return None
    return {"mean": sum(values) / len(values), "min": min(values), "max": max(values), "low": min(values), "high": max(values)}[
        kind
    ]


def class_targets(labels, classes, several):
    """Label by label the place of its class, or with `several` a row of 0 and 1; None where there is no label."""
    found = []
    for label in labels:
        if label is None:
            found.append(None)
        elif several:
            found.append([1.0 if c in label else 0.0 for c in classes])
        else:
            found.append(float(classes.index(label)) if label in classes else -1.0)
    return found


def frequent_classes(labels, several):
    """The classes that labels name, the most frequent first, then in their own order."""
    counts = {}
    for label in labels:
        for name in label or [] if several else [label]:
            if name is not None:
                counts[name] = counts.get(name, 0) + 1
    return sorted(counts, key=lambda c: (-counts[c], c))


def target_lists(labels, keys):
    """(rows, strangers) of each list of keys: the places in `keys` that it names, ascending and once, and how many name none."""
    found = []
    for label in labels:
        rows, strangers = set(), 0
        for key in label or []:
            if key in keys:
                rows.add(keys.index(key))
            else:
                strangers += 1
        found.append((sorted(rows), strangers))
    return found
