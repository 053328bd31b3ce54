"""What a contract may say of its load, and what does not go together."""

import pytest
from pydantic import ValidationError

from etl_platform.contract.loading import Deleted, Load
from etl_platform.contract.source import SourceContract
from etl_platform_tests.convert.samples import contract

COLUMNS = {
    "id": "integer!",
    "at": "timestamp!",
    "op": "varchar(1)",
    "gone": "boolean",
    "n": "bigint!",
    "x": "double",
}


def _deleted(column: str, value: object, method: str = "soft") -> dict[str, object]:
    return {"column": column, "values": [value], "method": method}


def _contract(load: dict[str, object], key: list[str] | None = None) -> SourceContract:
    return contract(COLUMNS, {"type": "json"}, key=["id", "n"] if key is None else key, load=load)


@pytest.mark.parametrize(
    ("column", "value"), [("op", "D"), ("gone", True)], ids=["a text", "a boolean"]
)
def test_values_of_a_deletion_survive_the_way_to_the_job(column: str, value: object) -> None:
    made = _contract({"strategy": "upsert", "deleted": _deleted(column, value)})
    again = SourceContract.model_validate_json(made.model_dump_json(by_alias=True))
    assert again == made
    assert again.load.deleted == Deleted(column=column, values=(value,))
    assert type(again.load.deleted.values[0]) is type(value)


@pytest.mark.parametrize(
    ("load", "field", "problem"),
    [
        ({"strategy": "append", "deleted": _deleted("op", "D")}, "load.deleted", "does not look"),
        ({"strategy": "refresh", "null_means": "keep"}, "load.null_means", "does not look"),
        ({"strategy": "append", "corrected": "retract"}, "load.corrected", "does not look"),
        ({"strategy": "scd2", "null_means": "keep"}, "load.null_means", "every state"),
        ({"strategy": "scd2", "version": "n"}, "load.version", "periods begin"),
        (
            {"strategy": "upsert", "deleted": _deleted("oops", "D")},
            "load.deleted.column",
            "no column",
        ),
        (
            {"strategy": "upsert", "deleted": _deleted("x", "D")},
            "load.deleted.column",
            "is a double",
        ),
        ({"strategy": "upsert", "deleted": _deleted("n", 1)}, "load.deleted.column", "in the key"),
        ({"strategy": "upsert", "deleted": _deleted("op", 1)}, "load.deleted.values", "no value"),
        ({"strategy": "upsert", "deleted": _deleted("gone", 1)}, "load.deleted.values", "no value"),
        (
            {"strategy": "upsert", "deleted": _deleted("op", "\\")},
            "load.deleted.values",
            "not plain",
        ),
        (
            {
                "strategy": "upsert",
                "null_means": "keep",
                "deleted": _deleted("op", "D", method="hard"),
            },
            "load.deleted.method",
            "journal",
        ),
        ({"strategy": "append", "method": "delete"}, "load.method", "one way"),
        ({"strategy": "scd2", "method": "merge"}, "load.method", "one way"),
        ({"strategy": "upsert", "method": "swap"}, "load.method", "no method of upsert"),
        ({"strategy": "refresh", "method": "merge"}, "load.method", "no method of refresh"),
        (
            {"strategy": "upsert", "method": "merge", "corrected": "retract"},
            "load.method",
            "journal",
        ),
        (
            {
                "strategy": "upsert",
                "method": "merge",
                "deleted": _deleted("op", "D", method="hard"),
            },
            "load.method",
            "hard deletes need both",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_by_its_field(
    load: dict[str, object], field: str, problem: str
) -> None:
    with pytest.raises(ValidationError, match=problem) as refused:
        _contract(load)
    (error,) = refused.value.errors()
    assert ".".join(error["ctx"]["field"]) == field


@pytest.mark.parametrize("strategy", ["upsert", "scd2"])
def test_what_goes_by_key_needs_one(strategy: str) -> None:
    with pytest.raises(ValidationError, match=f"{strategy} needs a key"):
        _contract({"strategy": strategy}, key=[])


@pytest.mark.parametrize(
    ("load", "keeps"),
    [
        ({"strategy": "upsert"}, False),
        ({"strategy": "upsert", "null_means": "keep"}, True),
        ({"strategy": "upsert", "corrected": "retract"}, True),
        ({"strategy": "scd2"}, True),
    ],
)
def test_a_journal_is_kept_where_the_newest_row_is_not_enough(
    load: dict[str, object], keeps: bool
) -> None:
    assert Load.model_validate(load).keeps_journal is keeps
