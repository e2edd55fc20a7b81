"""What names say: their words, whatever the convention, and how well a column's name points at a table.

`customer_id`, `customerId`, `idCustomer`, `CustomerID`, `fk_customer`, `KundenNr` and `c_custkey` are all read as words first. A
name never proves anything by itself; where keys are dense integers, though, values prove nothing either, and the name must carry.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rapidfuzz import fuzz
from rapidfuzz.distance import JaroWinkler

from rdl.database.inference.lexicon import (
    BIRTH,
    DERIVED,
    ENDING,
    EVENT,
    ID_WORDS,
    LATER,
    SEQUENCE,
    TABLE_PREFIXES,
    TABLE_SUFFIXES,
    UNINFLECTED,
)

Words = tuple[str, ...]

BARE_IDS = frozenset({"id", "pk", "key", "uuid", "guid", "oid", "rowid"})
"""Alone, these name a row of their own table."""

_SPLIT = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_PLURALS = (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("sses", "ss"), ("xes", "x"))
_IRREGULAR = {"people": "person", "persons": "person", "men": "man", "women": "woman", "children": "child", "indices": "index"}


def words(name: str) -> Words:
    """The lower-case words of a name without accents: `"homeTeam_ID"` gives `("home", "team", "id")`."""
    folded = name.replace("ß", "ss")
    for umlaut, plain in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("Ä", "Ae"), ("Ö", "Oe"), ("Ü", "Ue")):
        folded = folded.replace(umlaut, plain)
    folded = "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    found = tuple(w.lower() for part in re.split(r"[\W_]+", folded) for w in _SPLIT.findall(part) if w)
    return found or ((name.lower(),) if name else ())


def singular(word: str) -> str:
    """The word in its singular, by English rules; what they do not know is left as it is."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 3 or word in UNINFLECTED or word.endswith(("ss", "us", "is")):
        return word
    for plural, single in _PLURALS:
        if word.endswith(plural):
            return word[: -len(plural)] + single
    return word.removesuffix("s")


def _stems(word: str) -> frozenset[str]:
    """The word, its singular, and what English and German plural endings leave of it."""
    found = {word, singular(word)}
    if len(word) > 3 and word.endswith("s") and word not in UNINFLECTED:
        found |= {word[:-1]} | ({word[:-2]} if word.endswith("es") else set())
    if len(word) > 4:
        found |= {word[:-1] for e in "en" if word.endswith(e)} | ({word[:-2]} if word.endswith("en") else set())
    return frozenset(found)


def same_word(a: str, b: str) -> bool:
    """Whether two words are one, up to number."""
    return a == b or bool(_stems(a) & _stems(b))


def same_words(a: Words, b: Words) -> bool:
    """Whether two names say the same."""
    return len(a) == len(b) and all(map(same_word, a, b))


def word_likeness(a: str, b: str) -> float:
    """How much two words are one, in [0, 1]: 1 up to number, 0.8 for abbreviations (`dept`) and near spellings, else 0.

    A word with a derived ending is another word: a `player` is no `play`.
    """
    if same_word(a, b):
        return 1.0
    short, long = sorted((singular(a), singular(b)), key=len)
    if not short or (long.startswith(short) and long[len(short) :] in DERIVED):
        return 0.0
    if 3 <= len(short) <= 5 and len(long) >= len(short) + 2 and short[:2] == long[:2] and _subsequence(short, long):
        return 0.8
    near = short[0] == long[0] and JaroWinkler.similarity(short, long) >= 0.93 and fuzz.ratio(short, long) >= 80
    return 0.8 if len(short) >= 5 and near else 0.0


def _subsequence(short: str, long: str) -> bool:
    rest = iter(long)
    return all(letter in rest for letter in short)


@dataclass(frozen=True)
class Named:
    """A column's name, read.

    Attributes:
        words: all of its words, without a prefix that all columns of its table share.
        stem: what the name is of: its words without those that say "identifier".
        identifier: whether it says that it holds an identifier.
    """

    words: Words
    stem: Words
    identifier: bool

    @property
    def bare(self) -> bool:
        """Whether nothing but "identifier" is said."""
        return not self.stem and self.identifier


@dataclass(frozen=True)
class Vocabulary:
    """The names of a database's tables and columns, read once, with what they share taken off."""

    tables: Mapping[str, Words]
    columns: Mapping[tuple[str, str], Named]


def read_names(tables: Mapping[str, Iterable[str]]) -> Vocabulary:
    """The vocabulary of tables and their columns."""
    split = {name: words(name) for name in tables}
    shared = _shared_prefix(list(split.values()))
    entities = {name: _entity(found[shared:]) for name, found in split.items()}
    known = {singular(w) for entity in entities.values() for w in entity} | {w for entity in entities.values() for w in entity}
    columns = {}
    for table, names in tables.items():
        listed = list(names)
        read = [words(c) for c in listed]
        cut = _shared_prefix(read) if len(read) >= 3 else 0
        # A table's own name in front of all its columns is kept: `customer_id` of `customers` says whose it is.
        if cut and any(word_likeness(w, e) for w in read[0][:cut] if len(w) > 2 for e in entities[table]):
            cut = 0
        columns.update({(table, c): _named(found[cut:], known) for c, found in zip(listed, read, strict=True)})
    return Vocabulary(entities, columns)


def _shared_prefix(names: list[Words]) -> int:
    """How many leading words all the names have in common, leaving at least one of each."""
    if len(names) < 2:
        return 0
    count = 0
    while all(len(n) > count + 1 for n in names) and len({n[count] for n in names}) == 1:
        count += 1
    return count


def _entity(found: Words) -> Words:
    """A table's name without `tbl_` and the like."""
    while len(found) > 1 and found[0] in TABLE_PREFIXES:
        found = found[1:]
    while len(found) > 1 and found[-1] in TABLE_SUFFIXES:
        found = found[:-1]
    return tuple(singular(w) for w in found)


def _named(found: Words, known: set[str]) -> Named:
    found = tuple(part for word in found for part in _unfused(word, known))
    rest = list(found)
    identifier = False
    while rest and rest[-1] in ID_WORDS:
        rest.pop()
        identifier = True
    while rest and rest[0] in {"id", "fk", "pk", "ref", "key"}:
        rest.pop(0)
        identifier = True
    return Named(found, tuple(rest), identifier)


def _unfused(word: str, known: set[str]) -> Words:
    """`customerid` as `customer id` where there are customers, `custkey` where a table's name begins so, `orderdate`."""
    for suffix in ("id", "key", "no", "nr", "code", "number", "num"):
        head = word[: -len(suffix)]
        if word.endswith(suffix) and len(head) >= 3 and (head in SEQUENCE or any(k.startswith(head) for k in known)):
            return (singular(head), suffix)
    for suffix in ("datum", "date", "timestamp", "time", "zeit"):
        head = word.removesuffix(suffix)
        if head != word and head in EVENT | LATER | BIRTH | ENDING and word not in EVENT | LATER | BIRTH | ENDING:
            return (head, suffix)
    return (word,)


def name_of(found: Words) -> str:
    """Words in snake case."""
    return "_".join(found)
