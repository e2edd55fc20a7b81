"""The words of a sentence, each with the character at which it stands."""

import re
from dataclasses import dataclass
from enum import StrEnum

from rdl.task.predict.refusal import RefusedError


class Sort(StrEnum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted"  # a name in double quotes, never a keyword
    NUMBER = "number"
    TEXT = "text"
    MARK = "mark"
    END = "end"


@dataclass(frozen=True)
class Token:
    """One token: `value` is what it says, without quotes."""

    sort: Sort
    value: str
    at: int

    def is_word(self, *words: str) -> bool:
        """Whether this is one of the keywords, in any case."""
        return self.sort is Sort.WORD and self.value.upper() in words

    def is_mark(self, *marks: str) -> bool:
        """Whether this is one of the marks."""
        return self.sort is Sort.MARK and self.value in marks

    def __str__(self) -> str:
        """How a message names it."""
        return "the end of the sentence" if self.sort is Sort.END else repr(self.value)


_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<number>\d+(?:\.\d+)?(?![\w.]))
    | (?P<word>[^\W\d]\w*)
    | "(?P<quoted>(?:[^"]|"")+)"
    | '(?P<text>(?:[^']|'')*)'
    | (?P<mark><=|>=|<>|!=|==|[-+*/=<>(),.])""",
    re.VERBOSE,
)


def tokenize(text: str) -> list[Token]:
    """The tokens of `text`, and one that marks its end.

    Raises:
        RefusedError: a character begins no token, or a quote is not closed.
    """
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _strange(text, at)
        sort = match.lastgroup
        assert sort is not None
        if sort != "space":
            value = match[sort]
            value = value.replace('""', '"') if sort == "quoted" else value.replace("''", "'") if sort == "text" else value
            tokens.append(Token(Sort(sort), value, at))
        at = match.end()
    return [*tokens, Token(Sort.END, "", len(text.rstrip()))]


def _strange(text: str, at: int) -> RefusedError:
    if text[at] in "\"'":
        return RefusedError(at, f"the quote {text[at]} is not closed", "names stand in double quotes, texts in single quotes")
    if text[at].isdigit():
        number = re.match(r"[\w.]+", text[at:])
        return RefusedError(at, f"{number[0] if number else text[at]!r} is no number", "write 10 or 10.5, or quote the name")
    return RefusedError(at, f"unexpected character {text[at]!r}", "quote names that hold more than letters, digits and _")
