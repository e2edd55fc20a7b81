"""Damaged text: UTF-8 read as Latin-1, characters that were lost, characters that no one can see, two spellings of one text.

Only columns in which the survey saw anything beyond printable ASCII are looked at again.
"""

from collections.abc import Iterator

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
_ANY = "|".join(_KINDS.values())
_SPELT = "in decomposed Unicode: one text, two spellings"


def damaged(ask: Ask, survey: Survey, policy: Policy) -> Iterator[Finding]:
    """One finding for every column that holds damaged text."""
    table = survey.table
    names = [c.name for c in table.columns if survey.columns[c.name].odd and c.name not in table.hide]
    for start in range(0, len(names), BATCH):
        some = names[start : start + BATCH]
        counts = ask(f"SELECT {', '.join(f'count(*) FILTER ({_test(name)})' for name in some)} FROM {rows_of(table)}")[0]
        for name, count in zip(some, counts, strict=True):
            if count:
                yield _finding(ask, survey, name, count, policy)


def _test(name: str) -> str:
    """SQL of whether a text is damaged in any way."""
    return f"regexp_matches({quote(name)}, '{_ANY}') OR {_spelt(name)}"


def _spelt(name: str) -> str:
    return f"nfc_normalize({quote(name)}) <> {quote(name)}"


def _finding(ask: Ask, survey: Survey, name: str, count: int, policy: Policy) -> Finding:
    """What is wrong with one column, looking at its damaged texts only, and a few of them around the damage."""
    c, tests = (
        quote(name),
        {**{label: f"regexp_matches({quote(name)}, '{k}')" for label, k in _KINDS.items()}, _SPELT: _spelt(name)},
    )
    counts = ", ".join(f"count(*) FILTER ({test})" for test in tests.values())
    around = f"coalesce(nullif(regexp_extract({c}, '(?s).{{0,20}}(?:{_ANY}).{{0,20}}'), ''), left({c}, 40))"
    *kinds, few = ask(f"SELECT {counts}, min(DISTINCT {around}, 3) FROM {rows_of(survey.table)} WHERE {_test(name)}")[0]
    detail = "; ".join(f"{number:,} {label}" for label, number in zip(tests, kinds, strict=True) if number)
    share = count / survey.columns[name].known
    return Finding(survey.table.name, Check.ENCODING, name, count, share, examples(few), policy, detail)
