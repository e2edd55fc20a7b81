"""From text to sentence, by recursive descent: one method a rule of the grammar, and every refusal says what it expected."""

from rdl.errors import nearest
from rdl.task.predict.refusal import RefusedError, SentenceError
from rdl.task.predict.sentence import (
    Aggregate,
    Binary,
    Column,
    Expression,
    Function,
    Literal,
    Name,
    OneOf,
    Sentence,
    Unary,
    Unit,
    Window,
)
from rdl.task.predict.tokens import Sort, Token, tokenize

_COMPARISONS = {"=": "=", "==": "=", "!=": "<>", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_UNITS = {f"{unit.value}s": unit for unit in Unit}
_KEYWORDS = ("PREDICT", "RANK", "TOP", "WHERE", "FOR", "EACH", "AND", "OR", "NOT", "IS", "IN", "LIKE", "BETWEEN", "VIA")
_DEEPEST = 50
_LARGEST = 10_000_000_000
_FURTHEST = 200 * Unit.YEAR.longest  # beyond it, times leave the years that databases and TOML can write


def parse(text: str) -> Sentence:
    """The sentence that `text` holds.

    Raises:
        SentenceError: it is not of the grammar.
    """
    try:
        return _Parser(text, tokenize(text)).sentence()
    except RefusedError as refused:
        raise SentenceError(text, refused) from None


class _Parser:
    def __init__(self, text: str, tokens: list[Token]) -> None:
        self._text, self._tokens, self._next, self._depth = text, tokens, 0, 0

    def sentence(self) -> Sentence:
        self._word(
            "PREDICT", fix="begin with PREDICT, for example PREDICT COUNT(orders.*, 0, 30, days) FOR EACH customers.customer_id"
        )
        target = self._expression()
        top, top_at = self._rank()
        rows = self._expression() if self._take_word("WHERE") else None
        self._word("FOR", fix="say whom it is about: FOR EACH table.key")
        if not self._tokens[self._next + 1].is_mark("."):  # a table may be called each
            self._take_word("EACH")
        entity = self._column()
        population = self._expression() if self._take_word("WHERE") else None
        if self._token.sort is not Sort.END:
            raise self._expected("AND, OR, a comparison or the end", "end the sentence here, or join conditions with AND or OR")
        return Sentence(target, top, top_at, rows, entity, population)

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._token
        self._next += token.sort is not Sort.END
        return token

    def _take_word(self, *words: str) -> Token | None:
        return self._take() if self._token.is_word(*words) else None

    def _take_mark(self, *marks: str) -> Token | None:
        return self._take() if self._token.is_mark(*marks) else None

    def _word(self, word: str, fix: str) -> Token:
        token = self._take_word(word)
        if token is None:
            raise self._expected(word, fix)
        return token

    def _mark(self, mark: str, fix: str) -> Token:
        token = self._take_mark(mark)
        if token is None:
            raise self._expected(repr(mark), fix)
        return token

    def _expected(self, what: str, fix: str) -> RefusedError:
        return RefusedError(self._token.at, f"expected {what}, found {self._token}", fix)

    def _rank(self) -> tuple[int | None, int]:
        rank = self._take_word("RANK")
        if rank is None:
            return None, self._token.at
        self._word("TOP", fix="write RANK TOP 10")
        at = self._token.at
        top = self._integer("how many are ranked, such as 10", signed=False)
        if top < 1:
            raise RefusedError(at, f"a ranked list of {top}", "rank at least one")
        return top, rank.at

    def _expression(self) -> Expression:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise RefusedError(self._token.at, f"more than {_DEEPEST} parentheses within one another", "write it flatter")
        left = self._conjunction()
        while token := self._take_word("OR"):
            left = Binary("OR", left, self._conjunction(), token.at)
        self._depth -= 1
        return left

    def _conjunction(self) -> Expression:
        left = self._negation()
        while token := self._take_word("AND"):
            left = Binary("AND", left, self._negation(), token.at)
        return left

    def _negation(self) -> Expression:
        negations = []
        while token := self._take_word("NOT"):
            negations.append(token.at)
        found = self._comparison()
        for at in reversed(negations):
            found = Unary("NOT", found, at)
        return found

    def _comparison(self) -> Expression:
        left = self._sum()
        if token := self._take_mark(*_COMPARISONS):
            return Binary(_COMPARISONS[token.value], left, self._sum(), token.at)
        if token := self._take_word("IS"):
            negated = self._take_word("NOT") is not None
            self._word("NULL", fix="write IS NULL or IS NOT NULL")
            return Unary("IS NOT NULL" if negated else "IS NULL", left, token.at)
        negated = bool(self._take_word("NOT"))
        if token := self._take_word("IN"):
            return OneOf(left, self._literals(), negated, token.at)
        if token := self._take_word("LIKE"):
            return Binary("NOT LIKE" if negated else "LIKE", left, self._sum(), token.at)
        if token := self._take_word("BETWEEN"):
            low = self._sum()
            self._word("AND", fix="write BETWEEN 1 AND 10")
            inside = Binary("AND", Binary(">=", left, low, token.at), Binary("<=", left, self._sum(), token.at), token.at)
            return Unary("NOT", inside, token.at) if negated else inside
        if negated:
            raise self._expected("IN, LIKE or BETWEEN", "write for example NOT IN ('a', 'b')")
        return left

    def _sum(self) -> Expression:
        left = self._product()
        while token := self._take_mark("+", "-"):
            left = Binary(token.value, left, self._product(), token.at)
        return left

    def _product(self) -> Expression:
        left = self._primary()
        while token := self._take_mark("*", "/"):
            left = Binary(token.value, left, self._primary(), token.at)
        return left

    def _primary(self) -> Expression:
        token = self._token
        if self._take_mark("-"):
            self._depth += 1
            if self._depth > _DEEPEST:
                raise RefusedError(token.at, f"more than {_DEEPEST} signs one after another", "write one")
            found = Unary("-", self._primary(), token.at)
            self._depth -= 1
            return found
        if self._take_mark("("):
            inner = self._expression()
            self._mark(")", fix="close the parenthesis")
            return inner
        literal = self._literal()
        if literal is not None:
            return literal
        if token.sort is Sort.WORD and self._tokens[self._next + 1].is_mark("("):
            return self._aggregate()
        named = token.sort in {Sort.WORD, Sort.QUOTED} and not (
            token.is_word(*_KEYWORDS) and not self._tokens[self._next + 1].is_mark(".")
        )
        if not named:
            raise self._expected("an aggregate, table.column or a value", "write for example COUNT(orders.*, 0, 30, days)")
        return self._column()

    def _literal(self) -> Literal | None:
        token = self._token
        if token.sort in {Sort.NUMBER, Sort.TEXT}:
            self._take()
            return Literal(token.value, token.sort is Sort.NUMBER, token.at)
        if token.is_word("TRUE", "FALSE", "NULL") and not self._tokens[self._next + 1].is_mark("."):
            self._take()
            word = token.value.upper()
            return Literal(None if word == "NULL" else word == "TRUE", False, token.at)
        return None

    def _literals(self) -> tuple[Literal, ...]:
        self._mark("(", fix="list the values: IN ('a', 'b')")
        values = []
        while True:
            sign = self._take_mark("-")
            literal = self._literal()
            if literal is None or (sign and not literal.number):
                raise self._expected("a number or a text in single quotes", "list the values: IN ('a', 'b')")
            values.append(Literal(f"-{literal.value}", True, sign.at) if sign else literal)
            if not self._take_mark(","):
                break
        self._mark(")", fix="close the list")
        return tuple(values)

    def _name(self, what: str) -> Name:
        token = self._token
        if token.sort not in {Sort.WORD, Sort.QUOTED}:
            raise self._expected(what, 'write table.column; quote odd names: "order".id')
        self._take()
        return Name(token.value, token.at)

    def _column(self) -> Column:
        table = self._name("the name of a table")
        self._mark(".", fix=f"say which column of {table.text}: {table.text}.column")
        return Column(table, self._name("the name of a column"))

    def _aggregate(self) -> Aggregate:
        token = self._take()
        names = [function.value for function in Function]
        if token.value.upper() not in names:
            raise RefusedError(token.at, f"no aggregate {token.value!r}", nearest(token.value.upper(), names))
        self._take()
        table = self._name("the name of a table")
        self._mark(".", fix=f"say what of {table.text}: {table.text}.* or {table.text}.column")
        column = None if self._take_mark("*") else self._name("the name of a column, or *")
        via = self._name("the column of a reference") if self._take_word("VIA") else None
        rows = self._expression() if self._take_word("WHERE") else None
        if self._token.is_mark(")"):
            raise self._expected(
                "',' and the window", "say from when to when, counted from the cutoff: COUNT(orders.*, 0, 30, days)"
            )
        window = self._window()
        end = self._mark(")", fix="close the parenthesis")
        return Aggregate(
            Function(token.value.upper()), table, column, rows, via, window, token.at, self._text[token.at : end.at + 1]
        )

    def _window(self) -> Window:
        self._mark(",", fix="say from when to when: table.*, 0, 30, days")
        at = self._token.at
        start = None if self._endless() else self._integer("the start of the window, such as 0 or -90 or -INF")
        self._mark(",", fix="say until when: 0, 30, days")
        end_at = self._token.at
        if self._take_mark("+") or self._take_word("INF"):
            raise RefusedError(end_at, "a window without an end is never over", "write a number without a sign: 0, 30, days")
        end = self._integer("the end of the window, such as 30")
        self._mark(",", fix="say the unit: 0, 30, days")
        unit = self._unit()
        if start is not None and start >= end:
            raise RefusedError(at, f"the window runs from {start} to {end}", "write the earlier end first")
        if max(abs(start or 0), abs(end)) * unit.longest > _FURTHEST:
            raise RefusedError(
                at, f"the window reaches further than {_FURTHEST // Unit.YEAR.longest} years", "write a shorter one, or -INF"
            )
        return Window(start, end, unit, at)

    def _endless(self) -> bool:
        if self._token.is_mark("-") and self._tokens[self._next + 1].is_word("INF"):
            self._next += 2
            return True
        return False

    def _integer(self, what: str, signed: bool = True) -> int:
        sign = self._take_mark("-") if signed else None
        token = self._token
        if token.sort is not Sort.NUMBER or "." in token.value:
            raise self._expected(what, "write a whole number")
        if len(token.value) > len(str(_LARGEST)) or int(token.value) > _LARGEST:
            raise RefusedError(token.at, f"{token.value} is too large", f"write at most {_LARGEST}")
        self._take()
        return -int(token.value) if sign else int(token.value)

    def _unit(self) -> Unit:
        token = self._token
        word = token.value.lower()
        unit = _UNITS.get(word if word.endswith("s") else f"{word}s") if token.sort is Sort.WORD else None
        if unit is None:
            raise self._expected("a unit", nearest(word, _UNITS))
        self._take()
        return unit
