"""What a client's statement asks the server to do: relay it, or carry it out here.

COPY and UNLOAD are read here word by word, since their words are Redshift's alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot.tokenizer_core import Token, TokenType

from infra.local.redshift.errors import RedshiftError, not_supported, syntax_error

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")


@dataclass(frozen=True)
class Relay:
    """SQL that PostgreSQL runs."""

    sql: str


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
class SetCaseSensitive:
    """A change of how the session reads quoted names."""

    sql: str
    on: bool


@dataclass(frozen=True)
class Copy:
    """COPY of Parquet files into a table."""

    table: tuple[str, ...]
    columns: tuple[str, ...]
    location: str
    manifest: bool
    serialize_to_json: bool
    accept_invalid_characters: bool
    fill_record: bool
    explicit_ids: bool


@dataclass(frozen=True)
class Unload:
    """UNLOAD of a query's rows into Parquet files."""

    query: str
    location: str
    manifest: bool
    verbose: bool
    allow_overwrite: bool
    parallel: bool


TakeOver = Truncate | Alone | SetCaseSensitive | Copy | Unload
Action = Relay | TakeOver


class Words:
    """The tokens of a statement, read from left to right."""

    def __init__(self, tokens: Sequence[Token], *, case_sensitive: bool) -> None:
        self._tokens = tokens
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

    def string(self) -> str:
        """The string that must come next."""
        if not self.left or self._tokens[self._place].token_type != TokenType.STRING:
            raise syntax_error(f'syntax error at or near "{self.current}"')
        self._place += 1
        return self._tokens[self._place - 1].text

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


def read_copy(words: Words) -> Copy:
    """A COPY statement, from behind its first word."""
    table = words.dotted_name()
    columns = words.names_in_brackets()
    words.expect("FROM")
    location = _location(words)
    given: set[str] = set()
    role: str | None = None
    while words.left:
        option = words.word()
        if option == "IAM_ROLE":
            role = words.string()
        elif option == "FORMAT":
            words.take("AS")
            _expect_parquet(words)
            given.add("PARQUET")
        elif option in ("MANIFEST", "SERIALIZETOJSON", "FILLRECORD", "EXPLICIT_IDS"):
            given.add(option)
        elif option == "ACCEPTINVCHARS":
            given.add(option)
            if words.take("AS"):
                words.string()
        elif option == "STATUPDATE":
            words.switch()
        elif option == "MAXERROR":
            # dlt sends it with Parquet and Redshift takes it, without any effect.
            words.take("AS")
            words.word()
        else:
            raise not_supported(f"{option} argument is not supported for PARQUET based COPY")
    _check_role(role)
    if "PARQUET" not in given:
        raise not_supported("COPY without FORMAT AS PARQUET is not served on the laptop")
    return Copy(
        table=table,
        columns=columns,
        location=location,
        manifest="MANIFEST" in given,
        serialize_to_json="SERIALIZETOJSON" in given,
        accept_invalid_characters="ACCEPTINVCHARS" in given,
        fill_record="FILLRECORD" in given,
        explicit_ids="EXPLICIT_IDS" in given,
    )


def read_unload(words: Words) -> Unload:
    """An UNLOAD statement, from behind its first word."""
    words.expect("(")
    query = words.string()
    words.expect(")")
    words.expect("TO")
    location = _location(words)
    given: set[str] = set()
    role: str | None = None
    parallel = True
    while words.left:
        option = words.word()
        if option == "IAM_ROLE":
            role = words.string()
        elif option in ("FORMAT", "PARQUET"):
            if option == "FORMAT":
                words.take("AS")
                _expect_parquet(words)
            given.add("PARQUET")
        elif option == "MANIFEST":
            given.add("MANIFEST")
            if words.take("VERBOSE"):
                given.add("VERBOSE")
        elif option == "ALLOWOVERWRITE":
            given.add(option)
        elif option == "PARALLEL":
            parallel = words.switch()
        else:
            raise not_supported(f"{option} argument of UNLOAD is not served on the laptop")
    _check_role(role)
    if "PARQUET" not in given:
        raise not_supported("UNLOAD without FORMAT AS PARQUET is not served on the laptop")
    return Unload(
        query=query,
        location=location,
        manifest="MANIFEST" in given,
        verbose="VERBOSE" in given,
        allow_overwrite="ALLOWOVERWRITE" in given,
        parallel=parallel,
    )


def _location(words: Words) -> str:
    location = words.string()
    if not re.match(r"s3://[^/]+/.", location):
        raise RedshiftError(
            "XX000", f"The S3 location {location} is invalid: s3://bucket/key is expected"
        )
    return location


def _expect_parquet(words: Words) -> None:
    kind = words.word()
    if kind != "PARQUET":
        raise not_supported(f"FORMAT {kind} is not served on the laptop; PARQUET is")


def _check_role(role: str | None) -> None:
    if role is None:
        raise syntax_error("CREDENTIALS argument is required but not provided: give IAM_ROLE")
    if not _ROLE_ARN.fullmatch(role):
        raise RedshiftError("XX000", f"Invalid IAM role: {role!r} is not the ARN of a role")
