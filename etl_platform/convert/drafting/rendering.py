"""A first contract as YAML, with what was guessed in comments."""

import json
import re
from typing import Any, Final

import yaml

from etl_platform.contract.hour import Hour
from etl_platform.contract.reading import COMPONENT
from etl_platform.convert.drafting.inference import Guess, Inferred

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_@.()/-]*", re.ASCII)


def draft(inferred: Inferred, source: str, starts: Hour) -> str:
    """A contract that reads the sample files; everything in it is to be read through."""
    lines = [
        f"# A first contract, guessed from {inferred.records} records in {inferred.files} file(s).",
        "# Comments say what the files show; they cannot show what the source will send later.",
        f"type: {COMPONENT}",
        "attributes:",
        f"  source: {_flow(source)}",
        f"  description: {_flow(source)} # to be written",
        "  owner: team:unknown # to be written: an e-mail address or team:name",
        f"  starts: {starts} # to be set: the first hour that is landed",
        f"  format: {_flow(inferred.discovery.form)}",
        f"  null_tokens: {_flow(list(inferred.null_tokens))}",
        "  columns:",
        *(_column(guess, inferred.records - inferred.rejected) for guess in inferred.columns),
        *(
            f"    # left out: {_quoted(path)} {why}"
            for path, why in inferred.discovery.fields.left_out.items()
        ),
        *_key(inferred),
        f"  load: {{strategy: {'upsert' if inferred.key else 'append'}}}",
    ]
    if inferred.rejected:
        lines.append(
            f"  # {inferred.rejected} of the records are rejected whatever their types are;"
            " `etl-platform check` says why"
        )
    return "\n".join(lines) + "\n"


def _column(guess: Guess, records: int) -> str:
    attributes: dict[str, Any] = {"name": guess.name, "type": str(guess.type)}
    if guess.has_values and not guess.nulls:
        attributes["required"] = True
    if guess.path != guess.name:
        attributes["path"] = guess.path
    said = [f"{guess.distinct} different"] if guess.has_values else ["never has a value"]
    if guess.lowest is not None:
        said.append(f"{guess.lowest} to {guess.highest}")
    if guess.nulls and guess.has_values:
        said.append(f"null in {guess.nulls} of {records}")
    return f"    - {_flow(attributes)} # {', '.join(said)}"


def _key(inferred: Inferred) -> list[str]:
    if inferred.key:
        why = "no two records share it, unless they are the same"
        return [f"  key: {_flow(list(inferred.key))} # {why}"]
    return ["  # no key: no three required columns tell the records apart"]


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(inner) for inner in value) + "]"
    if isinstance(value, str):
        return value if _is_plain(value) else _quoted(value)
    return json.dumps(value)


def _is_plain(text: str) -> bool:
    """Whether YAML reads it as itself, where `no` is false and `1e3` a number."""
    return _PLAIN.fullmatch(text) is not None and yaml.safe_load(text) == text


def _quoted(text: str) -> str:
    # YAML reads the strings of JSON, but neither every character that JSON lets stand as it is nor
    # the pairs of escapes that JSON has for those beyond 16 bits.
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)
