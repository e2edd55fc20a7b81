"""Credentials come from the URL or the environment, and never reach a log, an error, a run or an artifact.

`expand` puts variables of the environment into a URL when it is about to be used, so a project file need not hold a password;
`check_url` refuses a URL that a driver would take apart wrongly, and quote a piece of the password in its complaint; `redact` takes
passwords out of every text that leaves, drivers' messages above all.
"""

import os
import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

from rdl.errors import ProjectError

_HIDDEN = "***"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s:/@?#]*:")
# key=value in a query or in libpq's keyword form, "key": "value" in a mapping.
_NAMED = re.compile(
    r"(?P<before>(?i:passw(?:or)?d|pwd|passphrase|passcode|secret|token|(?:api|access|private)[_-]?key|credential|signature)"
    r"[\w.-]{0,40}(?:\s*=\s*|[\"']\s*:\s*))"
    r"(?P<secret>'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|[^\s&;,\"'#)\]}]+)",
    re.DOTALL,
)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def expand(text: str, where: str) -> str:
    """`text` with every `${NAME}` replaced by that variable of the environment.

    In the user, the password and the query of a URL the value is percent-encoded, so a password may hold any character; as the
    whole text (`${DATABASE_URL}`), as a host or as the name of a database it is taken as it is.

    Raises:
        ProjectError: a variable is not set; the message names the variable, not the text.
    """
    user, query = _encoded_parts(text)

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            what = f"the environment variable {name!r} is not set"
            raise ProjectError(what, where=where, fix=f"set it before rdl runs: export {name}=…")
        found = os.environ[name]
        if match.start() in user:
            whole = (match.start(), match.end()) == (user.start, user.stop)  # it holds user and password
            return quote(found, safe=":" if whole else "")
        return quote(found, safe="") if match.start() in query else found

    return _VARIABLE.sub(value, text)


def _encoded_parts(text: str) -> tuple[range, range]:
    """Where in a URL its user and password stand, and where its query."""
    scheme = text.find("://")
    if scheme < 0:
        return range(0), range(0)
    start = scheme + len("://")
    mark = text.find("?", start)
    query = len(text) if mark < 0 else mark
    return range(start, max(start, text.rfind("@", start, query))), range(query, len(text))


def check_url(url: str, where: str) -> None:
    """Refuse a URL whose password or query is not percent-encoded, or whose port is no number.

    Raises:
        ProjectError: without the URL, for nobody can tell where its password ends.
    """
    _, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    authority, mark, query = authority.partition("?") if "?" in authority else (authority, *path.partition("?")[1:])
    user, _, hosts = authority.rpartition("@")
    ports = [re.sub(r"\[[^\]]*\]", "", host).partition(":")[2] for host in hosts.split(",")]
    sound = (
        "@" not in user
        and "@" not in path.partition("?")[0]
        and "#" not in rest
        and not _BAD_ESCAPE.search(rest)
        and all(port == "" or (port.isascii() and port.isdigit()) for port in ports)
        and all("=" in pair for pair in query.split("&") if mark and (pair or slash))
        and not any(character.isspace() for character in rest)
    )
    if not sound:
        raise ProjectError(
            "the URL of the source cannot be taken apart: its password or another part holds characters that need encoding",
            where=where,
            fix="name a variable, postgresql://user:${PASSWORD}@host/database: rdl encodes its value; or write %40 for @ …",
        )


def redact(text: str, *urls: str) -> str:
    """`text` without passwords: `postgresql://user:***@host/db`, `password=***`.

    Args:
        text: a driver's message, or any other text on its way out.
        urls: URLs that were in use: their secrets are taken out wherever they stand, as they were written and as they were meant.
            A password that is also a piece of the rest of its URL, as "postgres" likes to be, stays where it means that piece:
            to hide it there would tell it.
    """
    for secret in sorted({secret for url in urls for secret in _secrets(url)}, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    text = re.sub(r"\S+", lambda word: _without_password(word.group()), text)
    return _NAMED.sub(lambda match: match.group("before") + _HIDDEN, text)


def _without_password(word: str) -> str:
    start, stop = _password(word)
    return word[:start] + _HIDDEN + word[stop:] if start else word


def _password(url: str) -> tuple[int, int]:
    """Where the password of the first URL in `url` stands; (0, 0) where there is none.

    It reaches to the last "@": it may hold what a person forgot to encode, "@" and "/" too.
    """
    user = _URL.search(url)
    at = url.rfind("@")
    return (user.end(), at) if user and at >= user.end() else (0, 0)


def _secrets(url: str) -> Iterator[str]:
    """The secrets that stand in a URL or a libpq keyword string, as they are written and as they are meant."""
    start, stop = _password(url)
    rest = _NAMED.sub(lambda match: match.group("before"), url[:start] + url[stop:])
    for written in (url[start:stop], *(match.group("secret") for match in _NAMED.finditer(url))):
        bare = re.sub(r"\\(.)", r"\1", written[1:-1]) if written[:1] in {"'", '"'} else written
        yield from {form for form in (written, bare, unquote(bare)) if form and form not in rest and form != _HIDDEN}
