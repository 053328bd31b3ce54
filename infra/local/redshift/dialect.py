"""Redshift's SQL to PostgreSQL's, statement by statement.

Queries, DML and table definitions go through a syntax tree; the other statements are nearly the
same in both and only have their names folded and their strings unescaped.
"""

import functools
from collections.abc import Sequence
from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError
from sqlglot.parsers.redshift import RedshiftParser
from sqlglot.tokenizer_core import Token, TokenType

from infra.local.redshift import administration, aliases, late_views, merging
from infra.local.redshift.alone import read_alone
from infra.local.redshift.copy_grammar import read_copy
from infra.local.redshift.errors import RedshiftError, not_supported, syntax_error
from infra.local.redshift.functions import translate_functions
from infra.local.redshift.grouping import translate_group_by_all
from infra.local.redshift.layout import read_layout
from infra.local.redshift.leader import translate_catalog
from infra.local.redshift.navigation import translate_navigation
from infra.local.redshift.pivots import translate_pivots
from infra.local.redshift.refusals import refuse_long_names, refuse_syntax
from infra.local.redshift.rendering import render
from infra.local.redshift.shares import read_share
from infra.local.redshift.showing import read_show
from infra.local.redshift.spelling import make_temporary, spelled_out, with_from
from infra.local.redshift.statements import (
    Action,
    Alone,
    Relay,
    SetCaseSensitive,
    Truncate,
    Undecided,
    Words,
)
from infra.local.redshift.tables import (
    AutoSortKey,
    ColumnDistKey,
    ColumnSortKey,
    InterleavedSortKey,
    translate_alter,
    translate_create,
)
from infra.local.redshift.types import translate_types
from infra.local.redshift.unload_grammar import read_unload
from infra.local.redshift.unnesting import translate_unnesting
from infra.local.redshift.waiting import relations_of
from infra.local.redshift.windows import translate_nulls

_TREE_VERBS = frozenset({"SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "("})
_TREE_OBJECTS = frozenset({"TABLE", "TEMP", "TEMPORARY", "LOCAL", "VIEW"})
_CACHED_SQL_BYTES = 65536


class LaptopRedshift(Redshift):
    """Redshift's grammar, with functions left as they are written."""

    class Tokenizer(Redshift.Tokenizer):
        """Without dollar quotes, which would swallow what lies between two parameters.

        No word is a command: that would make one string of the rest of the statement.
        """

        COMMANDS: ClassVar[set[TokenType]] = set()
        HEREDOC_STRINGS: ClassVar[list[str | tuple[str, str]]] = []
        SINGLE_TOKENS: ClassVar = {**Redshift.Tokenizer.SINGLE_TOKENS, "$": TokenType.PARAMETER}

    class Parser(RedshiftParser):
        """Names of functions reach PostgreSQL unchanged unless `functions` says otherwise."""

        FUNCTIONS: ClassVar = {
            name: RedshiftParser.FUNCTIONS[name] for name in ("COALESCE", "NVL", "IFNULL", "NVL2")
        }
        FUNCTION_PARSERS: ClassVar = {
            name: parser
            for name, parser in RedshiftParser.FUNCTION_PARSERS.items()
            if name
            in {"CAST", "CONVERT", "EXTRACT", "POSITION", "TRIM", "SUBSTRING", "DECODE", "TRY_CAST"}
        }
        NO_PAREN_FUNCTION_PARSERS: ClassVar = {
            **RedshiftParser.NO_PAREN_FUNCTION_PARSERS,
            "APPROXIMATE": lambda self: self._parse_function(),
            "SYSDATE": lambda self: self.expression(exp.Anonymous(this="sysdate")),
        }
        PROPERTY_PARSERS: ClassVar = {
            **RedshiftParser.PROPERTY_PARSERS,
            "INTERLEAVED": lambda self: _interleaved(self),
            "SORTKEY": lambda self: (
                self.expression(AutoSortKey())
                if self._match_text_seq("AUTO")
                else self._parse_sortkey()
            ),
        }
        CONSTRAINT_PARSERS: ClassVar = {
            **RedshiftParser.CONSTRAINT_PARSERS,
            "DISTKEY": lambda self: self.expression(ColumnDistKey()),
            "SORTKEY": lambda self: self.expression(ColumnSortKey()),
        }


def _interleaved(parser: RedshiftParser) -> InterleavedSortKey:
    if not parser._match_text_seq("SORTKEY"):
        parser.raise_error("Expected SORTKEY")
    return parser.expression(InterleavedSortKey(this=parser._parse_wrapped_id_vars()))


def translate(
    sql: str, *, case_sensitive: bool = False, columns: frozenset[str] | None = None
) -> Action:
    """What the server does for this one statement of a client.

    Undecided if `columns` have to be known and are None: those of the tables that it names.
    """
    if len(sql) > _CACHED_SQL_BYTES:
        return _translate(sql, case_sensitive, columns)
    return _translate_cached(sql, case_sensitive, columns)


def split(sql: str) -> list[str]:
    """The statements of a text, in order."""
    sql = spelled_out(sql)
    tokens = _tokenize(sql)
    cuts = [token.start for token in tokens if token.token_type == TokenType.SEMICOLON]
    starts = [0, *(cut + 1 for cut in cuts)]
    parts = [sql[start:end] for start, end in zip(starts, [*cuts, len(sql)], strict=True)]
    return [part for part in parts if _tokenize(part)]


def _translate(sql: str, case_sensitive: bool, columns: frozenset[str] | None) -> Action:
    sql = with_from(spelled_out(sql))
    tokens = _tokenize(sql)
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens = tokens[:-1]
    if any(token.token_type == TokenType.SEMICOLON for token in tokens):
        raise syntax_error("cannot insert multiple commands into a prepared statement")
    if not tokens:
        return Relay("")
    refuse_long_names(tokens)
    verb = tokens[0].text.upper()
    if verb == "COPY":
        return read_copy(Words(tokens[1:], sql=sql, case_sensitive=case_sensitive))
    if verb == "UNLOAD":
        return read_unload(Words(tokens[1:], sql=sql, case_sensitive=case_sensitive))
    if verb == "TRUNCATE":
        return Truncate(render(sql, tokens, case_sensitive=case_sensitive))
    if verb == "SHOW":
        shown = read_show(Words(tokens, sql=sql, case_sensitive=case_sensitive))
        if shown is not None:
            return Relay(shown)
    if verb == "EXPLAIN":
        return _explain(sql, tokens, case_sensitive, columns)
    shared = read_share(Words(tokens, sql=sql, case_sensitive=case_sensitive))
    if shared is not None:
        return shared
    command = read_alone(Words(tokens, sql=sql, case_sensitive=case_sensitive))
    if isinstance(command, Alone):
        return command
    touches = late_views.touches(Words(tokens, sql=sql, case_sensitive=case_sensitive))
    if command is not None:
        return Alone(command, touches + _write(_parse(sql, tokens, case_sensitive)))
    layout = read_layout(Words(tokens, sql=sql, case_sensitive=case_sensitive))
    if layout is not None:
        return Relay(touches + layout)
    if not _needs_tree(tokens):
        return _administer(sql, tokens, touches, case_sensitive)
    tree = _parse(sql, tokens, case_sensitive)
    if aliases.are_reused(tree):
        if columns is None:
            # The columns of a table that the rows go into are not those of the query.
            into = isinstance(tree, exp.Create | exp.Insert)
            return Undecided(relations_of(tree.expression if into else tree))
        aliases.expand_aliases(tree, columns)
    if isinstance(tree, exp.Create) and tree.args.get("no_schema_binding"):
        return late_views.create(tree, sql, _write)
    reads = () if isinstance(tree, exp.Create | exp.Alter) else relations_of(tree)
    return Relay(touches + _write(tree), reads, changes_tables=bool(touches))


_translate_cached = functools.lru_cache(maxsize=1024)(_translate)


def _tokenize(sql: str) -> list[Token]:
    try:
        return LaptopRedshift().tokenize(sql)
    except SqlglotError as error:
        raise syntax_error("unterminated quoted string or comment") from error


def _needs_tree(tokens: Sequence[Token]) -> bool:
    words = [token.text.upper() for token in tokens[:4]]
    if words[0] in _TREE_VERBS:
        return True
    if words[:2] == ["ALTER", "TABLE"]:
        return administration.alter_table_needs_tree(tokens)
    return words[0] == "CREATE" and administration.made(words) in _TREE_OBJECTS


def _explain(
    sql: str, tokens: Sequence[Token], case_sensitive: bool, columns: frozenset[str] | None
) -> Relay | Undecided:
    rest = _translate(sql[tokens[0].end + 1 :], case_sensitive, columns)
    if isinstance(rest, Undecided):
        return rest
    if not isinstance(rest, Relay):
        raise not_supported("EXPLAIN of this statement is not supported")
    return Relay(f"EXPLAIN {rest.sql}")


def _administer(sql: str, tokens: Sequence[Token], touches: str, case_sensitive: bool) -> Action:
    changed = administration.translate(tokens)
    translated = touches + render(sql, tokens, changed.replacements, case_sensitive=case_sensitive)
    if changed.case_sensitive is not None:
        return SetCaseSensitive(translated, changed.case_sensitive)
    return Relay(translated, changes_tables=bool(touches))


def _parse(sql: str, tokens: Sequence[Token], case_sensitive: bool) -> exp.Expr:
    text = sql[: tokens[-1].end + 1]
    simplified = merging.removes_duplicates(tokens)
    if simplified:
        text = sql[: tokens[-2].start] + merging.STAND_IN_CLAUSES
    try:
        (tree,) = LaptopRedshift().parse(text)
    except ParseError as error:
        near = error.errors[0].get("highlight") or "end of statement"
        raise syntax_error(f'syntax error at or near "{near}"') from error
    except (SqlglotError, RecursionError) as error:
        raise syntax_error("syntax error in the statement") from error
    if tree is None or isinstance(tree, exp.Command):
        raise syntax_error(f'syntax error at or near "{tokens[0].text}"')
    if not case_sensitive:
        for name in tree.find_all(exp.Identifier):
            name.set("this", name.name.lower())
    refuse_syntax(tree)
    make_temporary(tree)
    if simplified and isinstance(tree, exp.Merge):
        return merging.as_delete_and_insert(tree)
    return tree


def _write(tree: exp.Expr) -> str:
    """The statement in PostgreSQL's words; changes the tree."""
    translate_catalog(tree)
    prefix = ""
    if isinstance(tree, exp.Create):
        prefix = translate_create(tree)
    elif isinstance(tree, exp.Alter):
        prefix = translate_alter(tree)
    elements = translate_unnesting(tree)
    translate_pivots(tree)
    translate_types(tree)
    translate_group_by_all(tree)
    translate_nulls(tree)
    tree = translate_functions(translate_navigation(tree, elements))
    try:
        # A construct that cannot be written would else be left out without a word.
        written = tree.sql("postgres", comments=False, unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise RedshiftError("0A000", f"not served on the laptop: {error}") from error
    return prefix + written
