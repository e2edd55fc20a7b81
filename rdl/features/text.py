"""Texts as numbers: how long they are, and how many of their words fall into each of a few buckets.

A word's bucket comes from its MD5, so it is the same on every machine and in every version of the engine.
"""

BUCKETS = 4
"""Few: a text's words are told in earnest by an encoder; here they only hint at what it is about."""

LENGTH = "length"
TESTS = (LENGTH, *(f"words{bucket}" for bucket in range(BUCKETS)))
"""What is measured of a text, by the names of `Measure.test`."""


HAS = "has"
"""The name of the test whether a text has a certain word."""


def words_sql(column: str) -> str:
    """SQL of the list of a text's words, in lower case; null where the column is."""
    return f"list_filter(string_split_regex(lower(CAST({column} AS VARCHAR)), '[^\\p{{L}}\\p{{N}}]+'), lambda t: t <> '')"


def has_sql(column: str, word: str) -> str:
    """SQL of whether a text has a word, a DOUBLE; null where the column is."""
    return f"CAST(list_contains({words_sql(column)}, {word}) AS DOUBLE)"


def text_sql(test: str, column: str) -> str:
    """SQL of one of the `TESTS` of a column, a DOUBLE; null where the column is."""
    text = f"CAST({column} AS VARCHAR)"
    if test == LENGTH:
        return f"CAST(length({text}) AS DOUBLE)"
    chosen = f"lambda t: md5_number_lower(t) % {BUCKETS} = {int(test.removeprefix('words'))}"
    return f"CAST(len(list_filter({words_sql(column)}, {chosen})) AS DOUBLE)"
