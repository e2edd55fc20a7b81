"""Text files are UTF-8: what is not is refused with the place of its first wrong byte.

DuckDB 2.0 does read UTF-16 and Latin-1, but loses the rows of big-endian UTF-16 and stops at a character beyond U+FFFF; and every
sequence of bytes is valid Latin-1, so nothing can tell it from the other codes of eight bits. A guess would be silently wrong.
"""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rdl.errors import SchemaError

_MARKS = {  # the longer first: UTF-16's begins UTF-32's
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_PEEK = 4096
_CHUNK = 1 << 20


@contextmanager
def open_text(file: Path) -> Iterator[io.BufferedIOBase]:
    """The bytes of a text file, unpacked where it ends in `.gz`.

    Raises:
        SchemaError: it cannot be read or unpacked.
    """
    try:
        with gzip.open(file) if file.suffix.lower() == ".gz" else file.open("rb") as stream:
            yield stream
    except (OSError, EOFError, zlib.error) as error:
        raise SchemaError(f"not readable: {error}", where=str(file), fix="check that the file is whole") from error


def is_empty(file: Path) -> bool:
    """Whether a text file holds nothing but white space.

    Raises:
        SchemaError: its first bytes say that it is no UTF-8.
    """
    with open_text(file) as stream:
        head = stream.read(_PEEK)
    code = next((code for mark, code in _MARKS.items() if head.startswith(mark)), None)
    if code is None and max(head[::2].count(0), head[1::2].count(0)) > len(head) // 8:
        code = "UTF-16 without a byte order mark"
    if code is not None:
        raise SchemaError(f"the file is {code}, not UTF-8", where=f"{file}, byte 0", fix=_fix(code.split()[0], file))
    return len(head) < _PEEK and not head.removeprefix(codecs.BOM_UTF8).strip()


def wrong_byte(file: Path) -> SchemaError | None:
    """The error that names the first byte of `file` that is no UTF-8, None where all of it is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset, line = 0, 1
    with open_text(file) as stream:
        while True:
            chunk = stream.read(_CHUNK)
            held = decoder.getstate()[0]
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line += (held + chunk)[: error.start].count(b"\n")
                place = f"{file}, line {line}, byte {offset - len(held) + error.start}"
                what = f"the file is not UTF-8: byte 0x{error.object[error.start]:02X} stands where no character has it"
                return SchemaError(what, where=place, fix=_fix("WINDOWS-1252", file))
            if not chunk:
                return None
            offset += len(chunk)
            line += chunk.count(b"\n")


def _fix(code: str, file: Path) -> str:
    fitting = " (or what it is written in)" if code.startswith("WIN") else ""
    return f"save it as UTF-8, for example: iconv -f {code}{fitting} -t UTF-8 {file.name} > utf8_{file.name}"
