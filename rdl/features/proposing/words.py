"""Features in words: "mean amount of the customer's orders in the last 90 days".

The words come from the names of tables and columns alone: `positionOrder` reads "position order", one row of `customers` is
"customer", and the parent that `sender_id` names is "the sender".
"""

import re
from collections.abc import Iterable

from rdl.database import Schema
from rdl.features.chain import Chain, Hop
from rdl.features.plan import Anchor, Block, Measure
from rdl.timeline import DAY

LABELS = "past labels"
_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ID = re.compile(r"\s+(id|key|code|nr|ref)$")
_ORDINALS = {0: "last", 1: "last but one", 2: "last but two"}


def spoken(name: str) -> str:
    """A table's or column's name as words: `positionOrder` and `position_order` are "position order"."""
    return " ".join(_CASE.sub(" ", name).replace("_", " ").replace(",", " and ").split()).lower() or name


def one(table: str) -> str:
    """One row of a table: "customer" of `customers`, "category" of `categories`."""
    words = spoken(table)
    if words.endswith("ies") and len(words) > 4:
        return words[:-3] + "y"
    if words.endswith(("sses", "xes", "ches", "shes")):
        return words[:-2]
    return words[:-1] if words.endswith("s") and not words.endswith(("ss", "us", "is")) and len(words) > 3 else words


def many(table: str) -> str:
    """Rows of a table: "orders" of `orders` and of `order`."""
    return spoken(table) if one(table) != spoken(table) else f"{spoken(table)} rows"


def span(window: int) -> str:
    """When: "in the last 90 days", or "over all time" for 0."""
    if window == 0:
        return "over all time"
    for unit, length in (("day", DAY), ("hour", DAY // 24), ("minute", DAY // 1440)):
        if window % length == 0:
            return f"in the last {window // length} {unit}s" if window != length else f"in the last {unit}"
    return f"in the last {window / DAY:g} days"


def whose(owner: str, thing: str) -> str:
    """What somebody has: "the customer's orders", but "the orders of the supplier of the product"."""
    return f"{owner}'s {thing}" if " of " not in owner and "'s " not in owner else f"the {thing} of {owner}"


def role(hop: Hop) -> str:
    """What a reference calls the row that it names: "sender" of `sender_id`."""
    if "," in hop.column:
        return one(hop.table)
    said = _ID.sub("", spoken(hop.column))
    return said if said not in ("id", "") else one(hop.table)


class Speaker:
    """Tells which rows a block reads."""

    def __init__(self, schema: Schema, entity: str, blocks: Iterable[Block] = ()) -> None:
        self._schema, self._entity = schema, entity
        self._blocks = {block.name: block for block in blocks}

    def rows(self, block: Block) -> str:
        """The block's rows: "the customer's orders", "past labels of drivers with the same nationality"."""
        match block.anchor:
            case Anchor.SELF:
                return self._below(block.facts, f"the {one(self._entity)}")
            case Anchor.LAST | Anchor.RECENT:
                return self._below(block.facts, self.parents(block))
            case Anchor.PEERS:
                return f"{LABELS} of {many(self._entity)} with the same {_ID.sub('', spoken(block.group))}"
            case Anchor.ALIKE:
                return f"{LABELS} of {many(self._entity)} when the {self._value(block)} was the same"
            case Anchor.WORLD:
                return f"all {many(block.facts.table) if block.facts else LABELS}"
            case Anchor.SEASON:
                return f"all {many(block.facts.table) if block.facts else LABELS} in the same season of the latest past year"

    def last(self, block: Block, back: int = 0) -> str:
        """The last row, or one of those before it: "the customer's last order"."""
        if block.anchor is Anchor.SELF and block.facts is not None and len(block.facts.hops) <= 1:
            owner = f"the {one(self._entity)}"
            if not block.facts.hops:
                return owner
            place = _ORDINALS.get(back) or f"{back} before the last"
            return f"{owner}'s {place} {one(block.facts.table)}{self._as(block.facts.table, block.facts.hops[0])}"
        return f"the {_ORDINALS.get(back) or f'one {back} before the last'} of {self.rows(block)}"

    def parents(self, block: Block) -> str:
        """The parents that a LAST or RECENT block starts from: "the product of the customer's recent order lines"."""
        assert block.ascent is not None
        start = self._blocks.get(block.source)
        if start is None or (start.facts and not start.facts.hops):
            return self.above(f"the {one(self._entity)}", block.ascent)
        if block.anchor is Anchor.LAST:
            return self.above(self.last(start), block.ascent)
        return self.above(self._recent(start), block.ascent, each=True)

    def _value(self, block: Block) -> str:
        """What those who are alike have in common: "country of the supplier of the last visit's product"."""
        assert block.ascent is not None
        source = self._blocks[block.source]
        assert source.facts is not None
        row = f"the last {one(source.facts.table)}" if source.facts.hops else f"the {one(self._entity)}"
        return f"{_ID.sub('', spoken(block.group))} of {self.above(row, block.ascent)}"

    def _recent(self, start: Block) -> str:
        assert start.facts is not None
        if len(start.facts.hops) > 1:
            return f"the recent {self.rows(start).removeprefix('the ')}"
        thing = f"{many(start.facts.table)}{self._as(start.facts.table, start.facts.hops[0])}"
        return f"the {one(self._entity)}'s recent {thing}"

    def above(self, row: str, ascent: Chain, *, each: bool = False) -> str:
        """The parent at the end of a chain from a row: "the supplier of the product of the customer's last visit"."""
        for hop in ascent.hops:
            row = f"the {role(hop)}{'s' if each else ''} of {row}" if each or " " in row[4:] else f"{row}'s {role(hop)}"
        return row

    def _below(self, facts: Chain | None, owner: str) -> str:
        """Rows whose chain leads to the owner."""
        if facts is None:
            return whose(owner, LABELS)
        if not facts.hops:
            return owner
        first, *rest = facts.hops
        inner = self._below(Chain(first.table, tuple(rest)), owner) if rest else owner
        return f"{whose(inner, many(facts.table))}{self._as(facts.table, first)}"

    def _as(self, table: str, hop: Hop) -> str:
        """Which of several references to the same table is meant."""
        alike = [r for r in self._schema[table].references if r.table == hop.table]
        return f" as {role(hop)}" if len(alike) > 1 or hop.table == table else ""


def measured(stat: str, measure: Measure, rows: str) -> str:
    """A statistic of a measure over rows: "mean amount of …", "share of … with status = returned"."""
    column = spoken(measure.column)
    share = stat == "mean"
    match measure.test:
        case "is" if share:
            return f"share of {rows} with {column} = {measure.value}"
        case "is":
            return f"{stat} of {column} = {measure.value} over {rows}"
        case "filled" if share:
            return f"share of {rows} with a known {column}"
        case "filled":
            return f"{stat} of a known {column} over {rows}"
        case "has":
            return f"share of {rows} whose {column} has the word {measure.value!r}"
        case "length":
            return f"{stat} length of {column} of {rows}"
        case "" if rows.endswith(LABELS) or LABELS in rows:
            return f"{stat} of {_channel(measure)}{rows}"
        case "" if measure.by:
            return f"{stat} {column} of {rows} with {spoken(measure.by)} = {measure.value}"
        case "":
            return f"{stat} {column} of {rows}"
        case test:
            return f"{stat} number of words of bucket {test.removeprefix('words')} in {column} of {rows}"


def _channel(measure: Measure) -> str:
    """Which class a number of 0 and 1 tells of."""
    return f"class {measure.column.removeprefix('value_')} in " if measure.column.startswith("value_") else ""


def single(measure: Measure, row: str) -> str:
    """A measure of one row: "amount of the customer's last order"."""
    column = spoken(measure.column)
    match measure.test:
        case "is":
            return f"whether {column} of {row} is {measure.value}"
        case "filled":
            return f"whether {column} of {row} is known"
        case "" if LABELS in row:
            return f"{_channel(measure)}{row}"
        case "":
            return f"{column} of {row}"
        case _:
            return measured("", measure, row).strip()


def marked(measure: Measure) -> str:
    """What a row is that has the measure: "one with status = returned"."""
    column = spoken(measure.column)
    match measure.test:
        case "is":
            return f"one with {column} = {measure.value}"
        case "filled":
            return f"one with a known {column}"
        case _:
            return f"one of class {measure.column.removeprefix('value_')}" if measure.column != "value" else "one other than 0"
