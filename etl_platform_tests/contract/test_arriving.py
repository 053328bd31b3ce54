"""Schedules as contracts write them."""

import pytest
from pydantic import ValidationError

from etl_platform.contract.arriving import Arrives


@pytest.mark.parametrize(
    "schedule",
    [
        "15 * * * *",
        "*/10 * * * *",
        "5,35 0-6 * * 1-5",
        "0 0 1 1 0",
        "  5   *  * * *  ",
        "1-59/2 * * * *",
    ],
)
def test_a_schedule_of_cron_is_taken(schedule: str) -> None:
    assert Arrives(schedule=schedule).schedule == " ".join(schedule.split())


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "hourly",
        "@hourly",
        "15 * * *",
        "15 * * * * *",
        "60 * * * *",
        "0 24 * * *",
        "0 0 0 * *",
        "0 0 * 13 *",
        "0 0 * * 8",
        "9-3 * * * *",
        "*/0 * * * *",
        "0 0 * * MON",
        "1,,2 * * * *",
        "\u0661\u0665 * * * *",
    ],
)
def test_anything_else_is_refused_with_an_example(schedule: str) -> None:
    with pytest.raises(ValidationError, match=r"15 \* \* \* \*"):
        Arrives(schedule=schedule)


def test_dagster_takes_what_the_contract_takes() -> None:
    from dagster._utils.schedules import is_valid_cron_string

    assert is_valid_cron_string(Arrives(schedule="1-59/2 0-6,12 */2 1-12 0-7").schedule)
