"""Damaged text: UTF-8 read as Latin-1, characters that were lost, characters that no one can see, two spellings of one text.

Only columns in which the survey saw anything beyond printable ASCII are looked at again.
"""

from collections.abc import Iterator, Sequence

from rdl.database.checks.finding import Check, Finding, Policy, examples
from rdl.database.checks.survey import BATCH, Survey, rows_of
from rdl.database.engine import quote
from rdl.database.relation import Ask

_HIGH = "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"  # what the second byte of a letter reads as, in Latin-1 or in Windows' own # noqa: RUF001
_MISREAD = "|".join(
    (
        f"[ÂÃ][{_HIGH}]",  # Ã¼ for ü
        "â(€|‚¬|„¢)",  # â€™ for an apostrophe # noqa: RUF001
        f"ðŸ[{_HIGH}]",  # for an emoji
        "ï¿½|ï»¿",  # for what was lost already, and for a byte order mark
    )
)
_LOST = r"\x{FFFD}"
_UNSEEN = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x{9F}\x{FEFF}]"

_KINDS = {
    "UTF-8 read as Latin-1": _MISREAD,
    "with characters lost (U+FFFD)": _LOST,
    "with control characters": _UNSEEN,
}
_SPELT = "in decomposed Unicode: one text, two spellings"


def damaged(ask: Ask, survey: Survey, policy: Policy) -> Iterator[Finding]:
    """One finding for every column that holds damaged text."""
    names = [c.name for c in survey.table.columns if survey.columns[c.name].odd and c.name not in survey.table.hide]
    for start in range(0, len(names), BATCH):
        yield from _look(ask, survey, names[start : start + BATCH], policy)


def _look(ask: Ask, survey: Survey, names: Sequence[str], policy: Policy) -> Iterator[Finding]:
    """One pass over a few columns."""
    table, width = survey.table, len(_KINDS) + 3
    values = ask(f"SELECT {', '.join(_aggregates(name) for name in names)} FROM {rows_of(table)}")[0]
    for i, name in enumerate(names):
        count, *kinds, few = values[width * i : width * i + width]
        if count:
            labels = [*_KINDS, _SPELT]
            detail = "; ".join(f"{number:,} {label}" for label, number in zip(labels, kinds, strict=True) if number)
            share = count / survey.columns[name].known
            yield Finding(table.name, Check.ENCODING, name, count, share, examples(few), policy, detail)


def _aggregates(name: str) -> str:
    """SQL of how many texts are damaged at all, and in each way, and of a few of them around the damage."""
    c, every = quote(name), "|".join(_KINDS.values())
    spelt = f"nfc_normalize({c}) <> {c}"
    any_of = f"regexp_matches({c}, '{every}') OR {spelt}"
    around = f"coalesce(nullif(regexp_extract({c}, '(?s).{{0,20}}(?:{every}).{{0,20}}'), ''), left({c}, 40))"
    counts = [f"count(*) FILTER ({test})" for test in (any_of, *(f"regexp_matches({c}, '{k}')" for k in _KINDS.values()), spelt)]
    return ", ".join([*counts, f"min(DISTINCT {around}, 3) FILTER ({any_of})"])
