"""Users, grants, settings, transactions and upkeep: statements that differ by a word or two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot.tokenizer_core import Token, TokenType

from infra.local.redshift.errors import RedshiftError, not_supported, syntax_error
from infra.local.redshift.postgres import ISOLATION_LEVELS
from infra.local.redshift.quoting import literal

_CASE_SETTING = "ENABLE_CASE_SENSITIVE_IDENTIFIER"
_REDSHIFT_SETTINGS = frozenset(
    {
        _CASE_SETTING,
        "ANALYZE_THRESHOLD_PERCENT",
        "CAST_SUPER_NULL_ON_ERROR",
        "DESCRIBE_FIELD_NAME_IN_UPPERCASE",
        "DOWNCASE_DELIMITED_IDENTIFIER",
        "ENABLE_RESULT_CACHE_FOR_SESSION",
        "ENABLE_VACUUM_BOOST",
        "JSON_PARSE_DEDUP_ATTRIBUTES",
        "JSON_SERIALIZATION_ENABLE",
        "QUERY_GROUP",
        "WLM_QUERY_SLOT_COUNT",
    }
)
_UNCHANGED = frozenset(
    {"COMMIT", "END", "ABORT", "CALL", "FETCH", "CLOSE", "DECLARE", "COMMENT", "DEALLOCATE"}
)
_OBJECTS = frozenset(
    {"SCHEMA", "DATABASE", "GROUP", "ROLE", "USER", "PROCEDURE", "FUNCTION", "DEFAULT"}
)
_DROPPED_OBJECTS = _OBJECTS | {"TABLE", "VIEW", "MATERIALIZED"}
_MISSING = frozenset(
    {
        "ALTER",
        "ATTACH",
        "CANCEL",
        "CREATE",
        "DETACH",
        "DROP",
        "EXECUTE",
        "PREPARE",
        "REFRESH",
        "USE",
    }
)
"""Commands of Redshift that are not here, or not for every kind of object."""
_PASSWORD_FORBIDDEN = frozenset("'\"\\/@ ")
_ROW_SECURITY = {"ON": "ENABLE ROW", "OFF": "DISABLE ROW"}
_UNENFORCED = frozenset({"PRIMARY KEY", "UNIQUE", "FOREIGN KEY"})


@dataclass(frozen=True)
class Changed:
    """What is written in the place of some tokens, and what it means for the session."""

    replacements: Mapping[int, str] = field(default_factory=dict)
    case_sensitive: bool | None = None


def translate(tokens: Sequence[Token]) -> Changed:
    """The words to change in a statement that is no query."""
    words = [token.text.upper() for token in tokens]
    verb, target = words[0], words[1] if len(words) > 1 else ""
    if verb in _UNCHANGED:
        return Changed()
    if verb == "ROLLBACK" and "TO" not in words:
        return Changed()
    if verb in ("BEGIN", "START"):
        return _begin(words)
    if verb == "LOCK":
        return _lock(words)
    if verb in ("SET", "RESET", "SHOW"):
        return _setting(words)
    if verb in ("GRANT", "REVOKE"):
        return Changed(_drop_words(words, "ROLE"))
    if verb in ("VACUUM", "ANALYZE"):
        return _upkeep(verb, words)
    if verb in ("CREATE", "ALTER") and target == "USER":
        return _user(tokens, words)
    if verb == "ALTER" and target == "TABLE":
        return _alter_table(words)
    if verb == "ALTER" and target == "DATABASE" and "ISOLATION" in words:
        return _isolation(words)
    if verb == "ALTER" and target in _OBJECTS:
        return Changed()
    if verb == "CREATE" and made(words) in _OBJECTS:
        return Changed()
    if verb == "DROP" and target in _DROPPED_OBJECTS:
        return Changed()
    if verb not in _MISSING:
        raise syntax_error(f'syntax error at or near "{tokens[0].text}"')
    raise not_supported(f'SQL command "{" ".join((verb, target)).strip()}" not supported.')


def made(words: Sequence[str]) -> str:
    """The kind of object that a CREATE makes."""
    return "".join(words[3:4] if words[1:3] == ["OR", "REPLACE"] else words[1:2])


def alter_table_needs_tree(tokens: Sequence[Token]) -> bool:
    """Whether an ALTER TABLE names types or encodings, which only a syntax tree tells apart."""
    words = [token.text.upper() for token in tokens]
    if not _UNENFORCED.isdisjoint(words):
        return False
    return "ADD" in words or "TYPE" in words


def _begin(words: Sequence[str]) -> Changed:
    # Every level that Redshift takes means the level of the database.
    read_only = " READ ONLY" if "ONLY" in words else ""
    return Changed(_instead(len(words), "BEGIN" + read_only))


def _lock(words: Sequence[str]) -> Changed:
    if "IN" in words or "NOWAIT" in words:
        raise syntax_error('syntax error at or near "IN"')
    return Changed()


def _setting(words: Sequence[str]) -> Changed:
    if len(words) < 2 or words[1] not in _REDSHIFT_SETTINGS:
        return Changed()
    replacements = {1: f"redshift.{words[1].lower()}"}
    if words[1] != _CASE_SETTING or words[0] == "SHOW":
        return Changed(replacements)
    return Changed(replacements, case_sensitive=words[-1] in ("TRUE", "ON", "1"))


def _upkeep(verb: str, words: Sequence[str]) -> Changed:
    if "COMPRESSION" in words:
        raise not_supported("ANALYZE COMPRESSION is not served on the laptop")
    leading = {"FULL", "SORT", "DELETE", "ONLY", "REINDEX", "RECLUSTER", "VERBOSE"}
    ends = [
        place for place, word in enumerate(words) if word in ("TO", "BOOST", "PREDICATE", "ALL")
    ]
    end = min(ends, default=len(words))
    dropped = {place: "" for place, word in enumerate(words[:end]) if place and word in leading}
    return Changed({**dropped, **dict.fromkeys(range(end, len(words)), "")})


def _user(tokens: Sequence[Token], words: Sequence[str]) -> Changed:
    replacements: dict[int, str] = {}
    for place, word in enumerate(words):
        previous = words[place - 1]
        if word == "CREATEUSER":
            replacements[place] = "SUPERUSER"
        elif word == "NOCREATEUSER":
            replacements[place] = "NOSUPERUSER"
        elif word == "DISABLE" and previous == "PASSWORD":
            replacements[place] = "NULL"
        elif word == "SYSLOG":
            replacements |= {place: "", place + 1: "", place + 2: ""}
        elif previous == "PASSWORD" and tokens[place].token_type == TokenType.STRING:
            _check_password(tokens[place].text)
            replacements[place] = literal(tokens[place].text)
    return Changed(replacements)


def _check_password(password: str) -> None:
    if password.startswith("md5") and len(password) == 35:
        return
    if password.startswith("sha256|"):
        raise not_supported("SHA-256 passwords are not served on the laptop; use MD5 or plain text")
    if not 8 <= len(password) <= 64:
        raise _bad_password("must be between 8 and 64 characters long")
    if not any(letter.isupper() for letter in password):
        raise _bad_password("must contain an upper-case letter")
    if not any(letter.islower() for letter in password):
        raise _bad_password("must contain a lower-case letter")
    if not any(letter.isdigit() for letter in password):
        raise _bad_password("must contain a number")
    if _PASSWORD_FORBIDDEN.intersection(password) or not password.isascii():
        raise _bad_password("must not contain quotes, slashes, spaces or @")


def _bad_password(rule: str) -> RedshiftError:
    return RedshiftError("22023", f"password {rule}")


def _alter_table(words: Sequence[str]) -> Changed:
    if "ADD" in words and not _UNENFORCED.isdisjoint(words):
        # The key is accepted and not enforced; a change that changes nothing stands for it.
        start = words.index("ADD")
        rest = dict.fromkeys(range(start + 1, len(words)), "")
        return Changed({start: "SET (fillfactor = 100)", **rest})
    if words[-4:-1] == ["ROW", "LEVEL", "SECURITY"] and words[-1] in _ROW_SECURITY:
        return Changed({len(words) - 4: _ROW_SECURITY[words[-1]], len(words) - 1: ""})
    return Changed()


def _isolation(words: Sequence[str]) -> Changed:
    level = ISOLATION_LEVELS.get(words[-1])
    if level is None:
        raise syntax_error(f'syntax error at or near "{words[-1]}"')
    start = words.index("ISOLATION")
    rest = dict.fromkeys(range(start + 1, len(words)), "")
    return Changed({start: f"SET default_transaction_isolation = {literal(level)}", **rest})


def _drop_words(words: Sequence[str], dropped: str) -> dict[int, str]:
    return {place: "" for place, word in enumerate(words) if word == dropped}


def _instead(count: int, sql: str) -> dict[int, str]:
    return {0: sql, **dict.fromkeys(range(1, count), "")}
