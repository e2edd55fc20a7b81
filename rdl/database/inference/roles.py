"""What the names of times say: what happens then, and whether the row is known by then.

The lists hold English and German words. Words decide between candidates only; that the values are times is for the rows to show.
"""

from enum import StrEnum

from rdl.database.inference.lexicon import BIRTH, ENDING, EVENT, LATER, PLAIN
from rdl.database.inference.names import Words, singular

_CLOSING = frozenset({"to", "till"})


class Role(StrEnum):
    """What a time is, by its name."""

    OWN = "named after the table's own event"
    EVENT = "named as an event"
    PLAIN = "named plainly as a time"
    DATED = "named as some date"
    UNKNOWN = "its name says no time"
    LATER = "named as something that comes after the event"
    ENDING = "named as an end or a plan"
    BIRTH = "named as a birth or a founding"


WORTH = {
    Role.OWN: 0.97,
    Role.EVENT: 0.95,
    Role.PLAIN: 0.94,
    Role.DATED: 0.84,
    Role.UNKNOWN: 0.6,
    Role.LATER: 0.35,
    Role.ENDING: 0.15,
    Role.BIRTH: 0.05,
}
"""How likely a column that holds times, and is called so, is the event time."""


def role_of_time(words: Words, entity: Words) -> Role:
    """What a column called so would be, if it held times."""
    said = {singular(w) for w in words} | set(words)
    if said & BIRTH:
        return Role.BIRTH
    if said & ENDING or (words and _CLOSING & {words[0], words[-1]}):
        return Role.ENDING
    own = {w for w in words if singular(w) in entity}
    if said & LATER - own - {singular(w) for w in own} and not said & {"created", "creation"}:
        return Role.LATER  # but `payment_date` is the very event of payments
    plain = said & PLAIN
    if plain and own:
        return Role.OWN
    if said & EVENT:
        return Role.EVENT
    if plain and set(words) <= PLAIN:
        return Role.PLAIN
    return Role.DATED if plain else Role.UNKNOWN


def names_a_time(words: Words) -> bool:
    """Whether a name says that it holds times, so that texts and numbers which read as such are taken for them."""
    said = set(words)
    return bool(said & (PLAIN | BIRTH)) or bool(said & {"created", "updated", "modified", "deleted", "expiry", "expires"})
