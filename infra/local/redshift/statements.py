"""What a client's statement asks the server to do: relay it, or carry it out here.

COPY and UNLOAD are read word by word, since their words are Redshift's alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot.tokenizer_core import Token, TokenType

from infra.local.redshift.errors import syntax_error
from infra.local.redshift.loads import Copy, Unload


@dataclass(frozen=True)
class Relay:
    """SQL that PostgreSQL runs."""

    sql: str
    reads: tuple[str, ...] = ()
    """The tables and views of a query, quoted."""
    changes_tables: bool = False
    """Whether it alters, replaces or drops a table or a view."""


@dataclass(frozen=True)
class Truncate:
    """A TRUNCATE, which commits the transaction it is in."""

    sql: str


@dataclass(frozen=True)
class Alone:
    """A command that cannot run inside a transaction block; without SQL it is not served at all."""

    command: str
    sql: str | None


@dataclass(frozen=True)
class CreateLateView:
    """A CREATE VIEW … WITH NO SCHEMA BINDING."""

    sql: str


@dataclass(frozen=True)
class SetCaseSensitive:
    """A change of how the session reads quoted names."""

    sql: str
    on: bool


@dataclass(frozen=True)
class Catalogued:
    """A change of what only Redshift's catalog has, with the tag that answers it."""

    tag: str
    sql: str


@dataclass(frozen=True)
class Undecided:
    """A statement whose meaning depends on the columns of these relations, which are quoted."""

    relations: tuple[str, ...]


TakeOver = Truncate | Alone | CreateLateView | SetCaseSensitive | Copy | Unload | Catalogued
Decided = Relay | TakeOver
Action = Decided | Undecided


class Words:
    """The tokens of a statement, read from left to right."""

    def __init__(self, tokens: Sequence[Token], *, sql: str, case_sensitive: bool) -> None:
        self._tokens = tokens
        self._sql = sql
        self._place = 0
        self._case_sensitive = case_sensitive

    @property
    def left(self) -> bool:
        """Whether a token is left."""
        return self._place < len(self._tokens)

    @property
    def current(self) -> str:
        """The text of the token at hand, for messages."""
        return self._tokens[self._place].text if self.left else "end of statement"

    def take(self, *words: str) -> bool:
        """Go past these words if they come next."""
        ahead = self._tokens[self._place : self._place + len(words)]
        if [token.text.upper() for token in ahead] != list(words):
            return False
        if any(token.token_type in (TokenType.STRING, TokenType.IDENTIFIER) for token in ahead):
            return False
        self._place += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Go past these words, which must come next."""
        if not self.take(*words):
            raise syntax_error(f'syntax error at or near "{self.current}"')

    def end(self) -> None:
        """Nothing may come any more."""
        if self.left:
            raise syntax_error(f'syntax error at or near "{self.current}"')

    def string(self) -> str:
        """The string that must come next."""
        if not self.left or self._tokens[self._place].token_type != TokenType.STRING:
            raise syntax_error(f'syntax error at or near "{self.current}"')
        self._place += 1
        return self._tokens[self._place - 1].text

    def string_as_written(self) -> str:
        """The string that must come next, with its backslashes: '\\N' is two characters."""
        self.string()
        token = self._tokens[self._place - 1]
        return self._sql[token.start + 1 : token.end].replace("''", "'")

    @property
    def at_string(self) -> bool:
        """Whether a string comes next."""
        return self.left and self._tokens[self._place].token_type == TokenType.STRING

    def number(self) -> int:
        """The whole number that must come next."""
        if not self.current.isdecimal():
            raise syntax_error(f'syntax error at or near "{self.current}"')
        return int(self.word())

    def word(self) -> str:
        """The bare word that comes next, in upper case."""
        if not self.left:
            raise syntax_error("syntax error at end of statement")
        self._place += 1
        return self._tokens[self._place - 1].text.upper()

    def name(self) -> str:
        """The name that comes next, folded as the session folds names."""
        if not self.left or self._tokens[self._place].token_type in (
            TokenType.STRING,
            TokenType.L_PAREN,
        ):
            raise syntax_error(f'syntax error at or near "{self.current}"')
        token = self._tokens[self._place]
        self._place += 1
        quoted = token.token_type == TokenType.IDENTIFIER
        return token.text if quoted and self._case_sensitive else token.text.lower()

    def dotted_name(self) -> tuple[str, ...]:
        """A name with its schema, if it has one."""
        names = [self.name()]
        while self.take("."):
            names.append(self.name())
        return tuple(names)

    def names_in_brackets(self) -> tuple[str, ...]:
        """A list of columns, or nothing."""
        if not self.take("("):
            return ()
        names = [self.name()]
        while self.take(","):
            names.append(self.name())
        self.expect(")")
        return tuple(names)

    def switch(self) -> bool:
        """ON or OFF, where neither means ON."""
        if self.take("OFF") or self.take("FALSE"):
            return False
        return self.take("ON") or self.take("TRUE") or True
