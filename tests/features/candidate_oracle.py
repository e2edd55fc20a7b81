"""Candidates of one entity at one moment by loops over all rows: the slow, obvious form of rdl/features/candidates."""

from collections import Counter
from itertools import permutations

from rdl.features.plan import describe
from rdl.timeline import ALWAYS, DAY


def climb(world, row, hops):
    """The row at the end of a chain and the times on the way, or None where a reference is missing."""
    times = []
    for hop in hops:
        parent = row[f"_ref_{hop.column}"]
        if parent is None:
            return None
        row = world.rows[hop.table][parent]
        times.append(row["_time"])
    return row, times


def facts(world, link):
    """(entity, item, time) of every fact row; the entity's own time does not count."""
    found = []
    for row in world.rows[link.table]:
        item = climb(world, row, link.targets.hops)
        if link.facts is None:
            owner = ({"_row": -1}, [])
        elif link.facts.hops:
            owner = climb(world, row, link.facts.hops)
            owner = owner and (owner[0], owner[1][:-1])
        else:
            owner = (row, [])
        if item and owner:
            found.append((owner[0]["_row"], item[0]["_row"], max(row["_time"], *item[1], *owner[1], ALWAYS)))
    return found


def stats(times, as_of, windows):
    """Counts in each window and of all, the first and the last time."""
    counts = [sum(t >= as_of - w for t in times) for w in windows]
    return {"counts": [*counts, len(times)], "n": len(times), "first": min(times), "last": max(times)}


def age(time, as_of):
    """Days, or None where the row is static."""
    return (as_of - time) / DAY if time > ALWAYS else None


def neighbours(seen, settings, as_of):
    """(a, b) -> score of the rows kept beside each row."""
    late = {}
    for entity, item, time in seen:
        if time >= as_of - settings.windows[-1]:
            late.setdefault(entity, {})
            late[entity][item] = max(time, late[entity].get(item, time))
    kept = {e: sorted(items, key=lambda i, of=items: (-of[i], i))[: settings.recent] for e, items in late.items()}
    sizes = Counter(i for items in kept.values() for i in items)
    together = Counter(pair for items in kept.values() for pair in permutations(items, 2))
    scores = {(a, b): round(1048576 * n / (sizes[a] * sizes[b]) ** 0.5) for (a, b), n in together.items() if n > 1}
    found = {}
    for a in sizes:
        best = sorted((b for x, b in scores if x == a), key=lambda b, a=a: (-scores[a, b], b))[: settings.neighbours]
        found |= {(a, b): scores[a, b] for b in best}
    return found


def places(items, key):
    """Item -> place from 1 on."""
    return {item: i for i, item in enumerate(sorted(items, key=key), start=1)}


def candidates(world, plan, entity, as_of):
    """Item -> {feature: value or None} of one entity at one moment."""
    settings, windows = plan.settings, plan.settings.windows
    names = [*(describe(w) for w in windows), "all"]
    target = [r for r in world.rows[plan.target_table] if r["_time"] < as_of]
    items = [r["_row"] for r in target]
    seen = [[f for f in facts(world, link) if f[2] < as_of] for link in plan.links]
    total = [{i: stats([t for _, x, t in of if x == i], as_of, windows) for i in {x for _, x, _ in of}} for of in seen]
    mine = [
        {i: stats([t for e, x, t in of if (e, x) == (entity, i)], as_of, windows) for i in {x for e, x, _ in of if e == entity}}
        for of in seen
    ]
    recent = [places(of, lambda i, of=of: (-of[i]["last"], -of[i]["n"], i)) for of in mine]
    frequent = [places(of, lambda i, of=of: (-of[i]["n"], -of[i]["last"], i)) for of in mine]
    nothing = {"counts": [0] * len(names), "n": 0}
    born = {r["_row"]: r["_time"] for r in target}

    def order(counts):
        return places(items, lambda i: ([-c for c in counts(total[0].get(i, nothing)["counts"])], -born[i], -i))

    late, steady = order(list), order(lambda c: [*reversed(c[:-1]), c[-1]])
    chosen = {i for i in items if min(late[i], steady[i]) <= settings.popular}
    for r, f in zip(recent, frequent, strict=True):
        chosen |= {i for i in r if min(r[i], f[i]) <= settings.past}
    score = {}
    for (a, b), value in neighbours(seen[0], settings, as_of).items():
        if recent[0].get(a, settings.recent + 1) <= settings.recent:
            score[b] = score.get(b, 0) + value
    beside = places(score, lambda i: (-score[i], i))
    chosen |= {i for i in beside if beside[i] <= settings.together}
    groups = []
    for column in plan.groups:
        of = {r["_row"]: r[f"_ref_{column}"] for r in target}
        met = {g: [0, 0] for g in {of[i] for i in mine[0]} - {None}}
        for i, s in mine[0].items():
            if of[i] is not None:
                met[of[i]][0] += s["n"]
                met[of[i]][1] += s["counts"][-2]
        place = places(met, lambda g, met=met: (-met[g][0], -met[g][1], g))
        inside = {i: 1 + sum(of[x] == of[i] and steady[x] < steady[i] for x in items) for i in items}
        groups.append((of, met, place, inside))
        chosen |= {i for i in items if of[i] in place and place[of[i]] <= settings.groups and inside[i] <= settings.in_group}
    told = _told(**locals())
    return {i: dict(told(i)) for i in sorted(chosen & set(items))}


def _told(world, plan, as_of, names, total, mine, recent, frequent, nothing, born, late, steady, score, beside, groups, **_):
    def values(i):
        for k, link in enumerate(plan.links):
            of, own = total[k].get(i), mine[k].get(i)
            yield from zip((f"{link}: popular {n}" for n in names), (of or nothing)["counts"], strict=True)
            yield f"{link}: popular since", age(of["last"], as_of) if of else None
            steps = plan.settings.multiples
            ratio = of["counts"][0] * (steps[1] / steps[0]) / of["counts"][1] if of and of["counts"][1] else None
            yield f"{link}: trend", ratio
            if link.facts is None:
                continue
            whole = [sum(s["counts"][j] for s in mine[k].values()) for j in range(len(names))]
            yield from zip((f"{link}: met {n}" for n in names), (own or nothing)["counts"], strict=True)
            yield from zip((f"{link}: entity's {n}" for n in names), whole, strict=True)
            yield f"{link}: met share", own["n"] / whole[-1] if own else None
            yield f"{link}: met since", age(own["last"], as_of) if own else None
            yield f"{link}: first met since", age(own["first"], as_of) if own else None
            spread = (own["last"] - own["first"]) / (own["n"] - 1) if own and own["n"] > 1 and own["first"] > ALWAYS else None
            yield f"{link}: overdue", (as_of - own["last"]) / spread if spread else None
            yield f"{link}: recent place", recent[k].get(i)
            yield f"{link}: frequent place", frequent[k].get(i)
            yield f"{link}: entity's rows", len(mine[k])
            yield f"{link}: entity's since", age(max(s["last"] for s in mine[k].values()), as_of) if mine[k] else None
        yield "popular: place of late", late[i]
        yield "popular: place", steady[i]
        if plan.links[0].facts is not None:
            yield "together: score", score.get(i, 0) / 1048576
            yield "together: place", beside.get(i)
            for column, (of, met, place, inside) in zip(plan.groups, groups, strict=True):
                g = of[i]
                yield f"{column}: met", met.get(g, [0, 0])[0]
                yield f"{column}: met late", met.get(g, [0, 0])[1]
                yield f"{column}: met share", met[g][0] / sum(s["n"] for s in mine[0].values()) if g in met else None
                yield f"{column}: place", place.get(g)
                yield f"{column}: popular place", inside[i]
        row = world.rows[plan.target_table][i]
        if plan.timed:
            yield "age", age(born[i], as_of)
        for name in plan.numbers:
            yield name, row[name]
        for name in plan.times:
            yield f"{name}: age", None if row[name] is None else (as_of - _micros(row[name])) / DAY

    return values


def _micros(moment):
    from rdl.timeline import parse_time

    return parse_time(moment)
