"""Event times: the column that says when a row becomes known, where there is one.

Dates, timestamps, and texts and numbers that read as such are candidates. Names say what happens then; values say whether it is
known for every row, whether it lies in any sensible time, and which of two comes first: a row is known from its first event on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rdl.database.engine import literal, quote
from rdl.database.inference.lexicon import ID_WORDS
from rdl.database.inference.names import Vocabulary, words
from rdl.database.inference.proposal import ACCEPT, Aspect, Proposal, Time
from rdl.database.inference.roles import WORTH, Role, names_a_time, role_of_time
from rdl.database.inference.survey import TIME_FORMATS, Facts, Kind, Survey
from rdl.timeline import DAY, format_time, parse_time

_READ = 0.99  # of the values, as many must read as times
_EPOCHS = {"s": (1, 10**8, 4 * 10**9), "ms": (10**3, 10**11, 4 * 10**12), "us": (10**6, 10**14, 4 * 10**15)}
"""Units of numbers since 1970: their number in a second, and the range from 1973 to 2096 that no other count of them shares."""
_FAR = parse_time("2100-01-01")  # sentinels such as 9999-12-31
_OLD = parse_time("1900-01-01")


@dataclass(frozen=True)
class Candidate:
    """A column that may hold the event time.

    Attributes:
        cast: SQL that makes it a timestamp, None where it is one.
        low, high: in microseconds, None where they are not known.
        read: how the values were read, "" where they are times.
    """

    facts: Facts
    role: Role
    confidence: float
    cast: str | None
    low: int | None
    high: int | None
    read: str
    note: str = ""


def propose_time(survey: Survey, names: Vocabulary, table: str) -> Proposal | None:
    """The likeliest event time, with the others as alternatives; None where no column holds times."""
    entity = names.tables[table]
    found = []
    for facts in survey.tables[table].values():
        said = names.columns[table, facts.name].words
        found += [c for c in (_native(facts, role_of_time(said, entity)), _numbers(facts, said, entity)) if c]
        found += [c for c in (_texts(facts, said, entity),) if c]
    found = [c for c in found if c.confidence >= 0.1]
    if not found:
        return None
    found.sort(key=lambda c: (-c.confidence, c.facts.position))
    chosen, note = _first(survey, table, found)
    best = _proposal(survey, table, chosen, note)
    others = tuple(_proposal(survey, table, c, "") for c in found if c is not chosen)[:4]
    return Proposal(table, Aspect.TIME, best.value, best.confidence, best.evidence, others)


def _native(facts: Facts, role: Role) -> Candidate | None:
    if facts.kind is not Kind.TIME or facts.known == 0:
        return None
    return Candidate(facts, role, _judged(facts, WORTH[role], facts.low, facts.high), None, facts.low, facts.high, "")


def _numbers(facts: Facts, said: Sequence[str], entity: Sequence[str]) -> Candidate | None:
    """Numbers that count seconds, or their fractions, since 1970, or that spell a day or a year."""
    if not facts.integral or facts.low is None or facts.distinct < 2:
        return None
    low, high, c = int(facts.low), int(facts.high), f"CAST({quote(facts.name)} AS BIGINT)"
    role = role_of_time(tuple(said), tuple(entity))
    named = names_a_time(tuple(said))
    if set(said) & {"year", "jahr", "yr"} and low >= 1900 and high <= 2100:
        cast = f"make_timestamp({c}, 1, 1, 0, 0, 0)"
        note = "; a year says not when in it the row becomes known, and its first day would be too early"
        return Candidate(facts, role, 0.45, cast, None, None, f"read as years {low} to {high}", note)
    if _spells_a_day(low) and _spells_a_day(high) and named:
        cast = f"strptime(CAST({c} AS VARCHAR), '%Y%m%d')"
        return Candidate(facts, role, _judged(facts, WORTH[role], None, None), cast, None, None, "read as yyyymmdd")
    for unit, (size, least, most) in _EPOCHS.items():
        if named and not set(said) & ID_WORDS and least <= low and high <= most:  # else it may count anything
            cast = f"make_timestamp({c} * {10**6 // size})" if size < 10**6 else f"make_timestamp({c})"
            factor = 10**6 // size
            judged = _judged(facts, WORTH[role], low * factor, high * factor)
            return Candidate(facts, role, judged, cast, low * factor, high * factor, f"read as {unit} since 1970")
    return None


def _spells_a_day(number: int) -> bool:
    return 19000101 <= number <= 21001231 and 1 <= number // 100 % 100 <= 12 and 1 <= number % 100 <= 31


def _texts(facts: Facts, said: Sequence[str], entity: Sequence[str]) -> Candidate | None:
    """Texts that read as times in one format."""
    if facts.kind is not Kind.TEXT or not facts.shape.known:
        return None
    reading = readable(facts)
    if not reading:
        return None
    role = role_of_time(tuple(said), tuple(entity))
    name, cast = reading[0], casting(facts, reading[0])
    confidence = _judged(facts, WORTH[role], None, None)
    if len(reading) > 1:
        note = f"; it reads as {reading[1]} as well, and no value tells the two apart"
        return Candidate(facts, role, min(confidence, 0.6), cast, None, None, f"read as {name}", note)
    return Candidate(facts, role, confidence, cast, None, None, f"read as {name}")


def readable(facts: Facts) -> list[str]:
    """The formats in which a text column's values read as times, the likeliest first."""
    return [name for name, share in facts.shape.casts.items() if share >= _READ and facts.shape.length >= 6]


def casting(facts: Facts, name: str) -> str:
    """SQL that reads the text as a time, NULL where it does not."""
    c = quote(facts.name)
    sql = TIME_FORMATS[name].replace("strptime", "try_strptime").replace("CAST({c} AS TIMESTAMP)", "try_cast({c} AS TIMESTAMP)")
    return sql.format(c=c)


def _judged(facts: Facts, confidence: float, low: int | None, high: int | None) -> float:
    """The confidence that values leave of what the name promises."""
    if facts.filled < 0.95:  # an event time is known for every row, but for a few defects
        confidence = min(confidence * facts.filled, 0.7)
    if facts.rows >= 50 and facts.distinct <= 1:
        confidence = min(confidence, 0.2)
    if high is not None and high >= _FAR:
        confidence = min(confidence, 0.3)
    if low is not None and low < _OLD:
        confidence = min(confidence, 0.6)
    return confidence


def _first(survey: Survey, table: str, found: list[Candidate]) -> tuple[Candidate, str]:
    """Of the candidates whose names are as good, the one that is never after the others."""
    best = found[0]
    rivals = [c for c in found[1:4] if c.confidence >= max(ACCEPT, best.confidence - 0.04)]
    for rival in rivals:
        both, ordered, back = _ordered(survey, table, best, rival)
        if both and back / both >= 0.98 and ordered / both < 0.98:
            best = rival
    if not rivals:
        return best, ""
    shown = ", ".join(c.facts.name for c in found[: len(rivals) + 1] if c is not best)
    return best, f"; not after {shown} in nearly every row" if best is not found[0] else f"; preferred to {shown}"


def _ordered(survey: Survey, table: str, a: Candidate, b: Candidate) -> tuple[int, int, int]:
    """Rows where both are known, those with a <= b, and those with b <= a."""
    x, y = (f"CAST({c.cast or quote(c.facts.name)} AS TIMESTAMP)" for c in (a, b))
    pairs = f"count(*) FILTER ({x} IS NOT NULL AND {y} IS NOT NULL), count(*) FILTER ({x} <= {y}), count(*) FILTER ({y} <= {x})"
    found = survey.ask("order", table=survey.relations[table].sql, pairs=pairs)
    return found[0], found[1], found[2]


def _proposal(survey: Survey, table: str, candidate: Candidate, note: str) -> Proposal:
    facts, cast = candidate.facts, candidate.cast
    said = [f"known in {facts.known:,} of {facts.rows:,} rows", candidate.role.value]
    if candidate.low is not None and candidate.high is not None:
        days = max(1, (candidate.high - candidate.low) // DAY)
        said.append(f"from {format_time(candidate.low)} to {format_time(candidate.high)}, {facts.rows / days:,.1f} rows a day")
    if candidate.read:
        said.insert(1, candidate.read)
    clock = time_of_day(survey, facts) if cast is None else None
    if clock is not None:
        cast = f"{quote(facts.name)} + coalesce(try_cast({quote(clock)} AS TIME), TIME '00:00:00')"
        said.append(f"{clock} holds its time of day")
    value = Time(facts.name, cast, native=facts.kind is Kind.TIME)
    return Proposal(table, Aspect.TIME, value, candidate.confidence, "; ".join(said) + candidate.note + note)


def time_of_day(survey: Survey, facts: Facts) -> str | None:
    """The column that holds the time of day of a DATE column, called as it is: `quali_date` and `quali_time`, `date` and `time`."""
    if facts.sql_type.upper() != "DATE":
        return None
    stem = [w for w in words(facts.name) if w not in {"date", "datum", "day"}]
    for other in survey.tables[facts.table].values():
        said = words(other.name)
        if said and said[-1] in {"time", "zeit", "uhrzeit"} and list(said[:-1]) == stem:
            text = other.kind is Kind.TEXT and other.known > 0 and _clock(survey, facts.table, other.name)
            if (other.kind is Kind.CLOCK and "ZONE" not in other.sql_type.upper()) or text:
                return other.name
    return None


def _clock(survey: Survey, table: str, column: str) -> bool:
    """Whether texts are times of day."""
    pattern = literal("([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]+)?)?Z?")
    c = quote(column)
    share = f"coalesce(avg(CAST(regexp_full_match({c}, {pattern}) AS INTEGER)), 0)"
    return bool(survey.ask("sample", table=survey.relations[table].sql, keep="true", aggregates=share)[1] >= _READ)


def times_by_table(proposals: Mapping[str, Proposal]) -> dict[str, Time]:
    """The accepted event times."""
    return {t: p.value for t, p in proposals.items() if p.confidence >= ACCEPT and isinstance(p.value, Time)}
