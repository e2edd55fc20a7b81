"""Foreign keys of several columns, to tables whose key has several.

Columns are matched by name or by a common parent; the combinations must then be among the parent's keys. Where every part of the
parent's key refers elsewhere, as in a table that only says which campaign reached which household, it may be that two tables just
speak of the same pairs: such a reference is listed, not taken.
"""

from collections.abc import Mapping, Sequence
from itertools import islice

from rdl.database.inference.names import Vocabulary, same_words
from rdl.database.inference.proposal import ACCEPT, Aspect, Key, Link, Proposal
from rdl.database.inference.survey import Survey


def propose_pairs(survey: Survey, names: Vocabulary, keys: Mapping[str, Proposal], links: Sequence[Proposal]) -> list[Proposal]:
    """Proposals for references to the accepted keys of several columns."""
    targets = {(p.table, v.columns[0]): v.table for p in links if isinstance(v := p.value, Link) and len(v.columns) == 1}
    found = []
    for parent, proposal in keys.items():
        if not isinstance(proposal.value, Key) or len(proposal.value.columns) < 2 or proposal.confidence < ACCEPT:
            continue
        key = proposal.value.columns
        own = any((parent, k) not in targets for k in key)
        for child in survey.tables:
            columns = _matched(survey, names, child, parent, key, targets) if child != parent else None
            if columns is not None:
                found += _held(survey, child, columns, parent, key, own, keys.get(child))
    return found


def _matched(
    survey: Survey, names: Vocabulary, child: str, parent: str, key: Sequence[str], targets: Mapping[tuple[str, str], str]
) -> tuple[str, ...] | None:
    """A column of the child for each of the key's, None where one is missing."""
    chosen: list[str] = []
    for part in key:
        facts, target = survey.tables[parent][part], targets.get((parent, part))
        fits = (
            c.name
            for c in survey.tables[child].values()
            if c.name not in chosen
            and c.kind is facts.kind
            and c.known
            and (
                same_words(names.columns[child, c.name].words, names.columns[parent, part].words)
                or (target is not None and targets.get((child, c.name)) == target)
            )
        )
        match = list(islice(fits, 1))
        if not match:
            return None
        chosen += match
    return tuple(chosen)


def _held(
    survey: Survey, child: str, columns: tuple[str, ...], parent: str, key: tuple[str, ...], own: bool, child_key: Proposal | None
) -> list[Proposal]:
    distinct, found, total, _ = survey.inclusion(child, columns, parent, key)
    share = found / distinct if distinct else 0.0
    if share < 0.8:
        return []
    confidence = 0.92 if share >= 0.999 else 0.85 if share >= 0.95 else 0.7
    note = ""
    if not own:
        confidence, note = min(confidence, 0.7), "; every part of the key refers elsewhere: both may only speak of the same pairs"
    elif child_key is not None and child_key.value == Key(columns) and total <= distinct:
        confidence, note = min(confidence, 0.6), "; it may hold the other way round as well"
    evidence = f"{found:,} of {distinct:,} different combinations ({share:.1%}) are among the {total:,} keys of {parent}{note}"
    return [Proposal(child, Aspect.REFERENCE, Link(columns, parent, key), confidence, evidence)]
