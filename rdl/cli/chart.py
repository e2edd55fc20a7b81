"""A small chart for the terminal: a bar a row, in eighths of a character."""

import sys

_EIGHTHS = " ▏▎▍▌▋▊▉"


def wants_chart() -> bool:
    """Whether a person reads what is printed, on something that can show bars."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return sys.stdout.isatty() and encoding.startswith("utf")


def bar(share: float, width: int = 20) -> str:
    """A bar as long as `share` (0 to 1) of `width` characters, filled up with blanks."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()).ljust(width)
