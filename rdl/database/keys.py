"""When a value names a key: the one rule by which references, and the keys that a user asks for, find their rows."""

_FRACTIONAL = ("FLOAT", "DOUBLE", "DECIMAL")
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")


def as_key(value: str, kind: str, key_kind: str) -> str:
    """SQL of `value`, an expression of SQL type `kind`, in the key's type `key_kind`; NULL where it is no exact key.

    Nothing is rounded: 1.0 and '1' name the key 1, and 1.5 names none. So each value names one key at most.
    """
    kind, key_kind = kind.upper(), key_kind.upper()
    if kind == key_kind:
        return value
    if key_kind == "VARCHAR":
        text = f"CAST({value} AS VARCHAR)"
        if kind.startswith(_FRACTIONAL):
            whole = f"try_cast({value} AS HUGEINT)"
            return f"CASE WHEN {whole} = {value} THEN CAST({whole} AS VARCHAR) ELSE {text} END"
        return text
    converted = f"try_cast({value} AS {key_kind})"
    if kind == "VARCHAR":
        return f"CASE WHEN try_cast({value} AS DOUBLE) = {converted} THEN {converted} END" if key_kind in WHOLE else converted
    return f"CASE WHEN try_cast({converted} AS {kind}) = {value} THEN {converted} END"
