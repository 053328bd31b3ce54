"""A report fits a terminal of 80 columns, and nothing that it names is cut."""

import io
from pathlib import Path

from rich.console import Console, RenderableType

from etl_platform.commands.reports import reasons_shown, trial_tables
from etl_platform.contract.source import Rejects
from etl_platform.convert.rejected import ReasonSamples, Sample
from etl_platform.convert.trial import try_out
from etl_platform_tests.convert.samples import contract

WIDTH = 80
PLACE = "s3://etl-raw-web-orders/2026/11/23/00/web-orders-of-the-shop-in-zurich.csv"


def drawn(*parts: RenderableType) -> str:
    text = io.StringIO()
    console = Console(file=text, width=WIDTH, color_system=None)
    for part in parts:
        console.print(part)
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= WIDTH
    return "\n".join(line.rstrip() for line in lines)


def test_a_reason_is_shown_with_the_place_the_value_and_the_record() -> None:
    sample = Sample(PLACE, 1234567, "v" * 300, "r" * 300)
    reason = ReasonSamples("a_column_with_a_long_name", "wrong_number_of_fields", 9, (sample,))
    shown = drawn(*reasons_shown([reason]))
    assert "a_column_with_a_long_name: wrong_number_of_fields" in shown
    words = "".join(shown.split())
    assert f"{PLACE}record1234567:{'v' * 100}…{'r' * 100}…" in words


def test_an_unreadable_file_is_shown_with_the_whole_message(tmp_path: Path) -> None:
    of = contract({"a": "integer"}, {"type": "csv"}).model_copy(
        update={"rejects": Rejects(at_most=("100%",), unreadable_files="reject")}
    )
    file = tmp_path / "other.csv"
    file.write_bytes(b"x" * 150 + b"\n1\n")
    shown = drawn(*trial_tables(try_out(of, [file], samples=1)))
    assert "(the file): unreadable_file" in shown
    assert "record 0" not in shown
    assert "[FILE_UNREADABLE]" in shown
    assert "write the manifest again" in " ".join(shown.split())


def test_the_rows_of_a_wide_table_stand_beside_each_other(tmp_path: Path) -> None:
    names = [f"a_column_with_the_number_{number}" for number in range(30)]
    of = contract(dict.fromkeys(names, "integer"), {"type": "csv"})
    file = tmp_path / "wide.csv"
    row = ",".join("7" * 5 for _ in names)
    file.write_text(",".join([*names, "\x1b[31mred"]) + "\n" + f"{row},1\n" * 4)
    shown = drawn(*trial_tables(try_out(of, [file], samples=4)))
    for name in names:
        (line,) = [line for line in shown.split("\n") if f" {name} " in line]
        assert line.count("77777") == 3
        assert " integer " in line
    assert "Not in the contract: \\x1b[31mred" in shown
