"""Why a sentence is refused: the message, a line that points at the character, and the fix."""

from unicodedata import combining, east_asian_width

from rdl.errors import TaskError

_WIDE = ("W", "F")


class RefusedError(Exception):
    """A refusal on its way up, before it is shown in the sentence.

    Args:
        at: the character of the sentence.
        what: what is wrong there.
        fix: what to write.
    """

    def __init__(self, at: int, what: str, fix: str) -> None:
        self.at, self.what, self.fix = at, what, fix
        super().__init__(what)


class SentenceError(TaskError):
    """A PREDICT sentence is wrong.

    Attributes:
        at: the character that the caret stands under, from 0.
        message: what is wrong, without the sentence.
    """

    def __init__(self, text: str, refused: RefusedError) -> None:
        self.at, self.message = refused.at, refused.what
        super().__init__(f"{refused.what}\n{pointed(text, refused.at)}", fix=refused.fix)


def pointed(text: str, at: int) -> str:
    """The line of `text` that holds character `at`, and a caret under that character."""
    start = text.rfind("\n", 0, at) + 1
    line = text[start:].split("\n", 1)[0].rstrip("\r")
    before = "".join("\t" if c == "\t" else " " * _width(c) for c in line[: at - start])
    return f"  {line}\n  {before}^"


def _width(character: str) -> int:
    """Columns that a terminal gives a character."""
    return 0 if combining(character) else 2 if east_asian_width(character) in _WIDE else 1
