"""How well a column's name points at a table's key.

The scale is used by `references`: from `CARRIES` on the name alone says where the column points, and the values have only to agree;
below it the values must prove it.
"""

from dataclasses import dataclass

from rdl.database.inference.lexicon import HIERARCHY, PEOPLE, PERSON, RELATED, SIDES, STRUCTURAL, SUPERIOR
from rdl.database.inference.names import Named, Vocabulary, Words, same_words, singular, word_likeness

CARRIES = 0.85
HINTS = 0.6
_BARE = 0.75  # without a word for "identifier" it may count them: `up_votes`, `orders`


@dataclass(frozen=True)
class Pointing:
    """How well a name points: a score in [0, 1] and the reason as part of a sentence.

    `one` says that the name is of one row of the table, in the singular: `customer`, which cannot count them as `customers` may.
    """

    score: float
    reason: str
    one: bool = False


_NOWHERE = Pointing(0.0, "its name points nowhere")


def points(names: Vocabulary, child: str, column: str, parent: str, key: str) -> Pointing:
    """How well the name of `child.column` points at `parent.key`."""
    named, target, entity = names.columns[child, column], names.columns[parent, key], names.tables[parent]
    if named.bare:
        return _NOWHERE
    if child == parent:
        return _as_relative(named, entity)
    role, superior = _in_a_role(named, target, entity), _as_person(named, entity)
    found = (_as_key(named, target, entity), _as_table(named, entity), role, _as_part(named, names.tables[child], entity), superior)
    return max(found, key=lambda p: p.score)


def _as_key(named: Named, target: Named, entity: Words) -> Pointing:
    """The column is called as the key is."""
    if target.bare or not same_words(named.words, target.words):
        return _NOWHERE
    if same_words(named.stem, entity) or same_words(named.words, entity):
        return Pointing(1.0, "named as the key and the table")
    return Pointing(0.96 if named.identifier else 0.87, "named as the key")


def _as_table(named: Named, entity: Words) -> Pointing:
    """The column is called as the table is, with or without a word for "identifier"."""
    stem = named.stem
    if same_words(stem, entity) or (stem and word_likeness("".join(stem), "".join(entity)) == 1.0):
        return Pointing(1.0 if named.identifier else _BARE, "named as the table", _one(named))
    if len(stem) == len(entity) == 1 and named.identifier and (near := word_likeness(stem[0], entity[0])):
        return Pointing(near * 0.95, "named much as the table")
    return _NOWHERE


def _one(named: Named) -> bool:
    return named.words[-1] == singular(named.words[-1])


def _in_a_role(named: Named, target: Named, entity: Words) -> Pointing:
    """The column is called as the table or its key is, with a role before or after: `home_team_id`, `team_1`."""
    for core in (entity, target.stem):
        extra = len(named.stem) - len(core)
        if not core or extra < 1:
            continue
        if same_words(named.stem[extra:], core):
            role = f"named as the table in the role {'_'.join(named.stem[:extra])!r}"
            return Pointing(0.93 if named.identifier else _BARE, role, _one(named))
        rest = named.stem[len(core) :]
        if same_words(named.stem[: len(core)], core) and all(w.isdigit() or w in SIDES for w in rest):
            return Pointing(0.9 if named.identifier else _BARE, f"named as the table in the role {'_'.join(rest)!r}")
    return _NOWHERE


def _as_part(named: Named, own: Words, entity: Words) -> Pointing:
    """The column is called as the last or the first words of the table are: `category_id` and product_categories."""
    size = len(named.stem)
    if not named.identifier or not 0 < size < len(entity):
        return _NOWHERE
    if same_words((*own, *named.stem), entity):
        return Pointing(0.93, "named as the table is after this one")
    if same_words(named.stem, entity[-size:]):
        return Pointing(0.8, "named as the last part of the table's name")
    if same_words(named.stem, entity[:size]):
        return Pointing(0.65, "named as the first part of the table's name")
    return _NOWHERE


def _as_relative(named: Named, entity: Words) -> Pointing:
    """The column names another row of its own table: `parent_id`, `reports_to`, `previous_order_id` of orders.

    `order_no` and `marketplace_order_id` of orders name the row itself, and `previous_orders` counts some.
    """
    said = set(named.stem)
    people = bool(set(entity) & PEOPLE)
    relative = STRUCTURAL | RELATED | (SUPERIOR if people else frozenset())
    rest = said - relative - {"to", "by", "in", "of"}
    if not said & relative or not all(any(same_words((w,), (e,)) for e in entity) for w in rest):
        return _NOWHERE
    if named.identifier or (not rest and said & HIERARCHY):
        return Pointing(0.9, "named as another row of its own table")
    return _NOWHERE


def _as_person(named: Named, entity: Words) -> Pointing:
    """The column names a person by what they do: `owner_id`, `created_by`."""
    said = set(named.words)
    if set(entity) & PEOPLE and said & (SUPERIOR | PERSON) and (named.identifier or said & {"by", "to"}):
        return Pointing(0.7, "named as a person in a role")
    return _NOWHERE
