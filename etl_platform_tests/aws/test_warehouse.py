"""What the driver raises becomes the platform's errors, without passwords and without rows."""

import socket
import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest
from pydantic import SecretStr
from redshift_connector.error import InterfaceError, ProgrammingError

from etl_platform.aws import warehouse as module
from etl_platform.aws.secrets import WarehouseSecret
from etl_platform.aws.warehouse import connect
from etl_platform.aws.warehouse_errors import MOST_CHARACTERS, translate
from etl_platform.contract.errors import (
    CommitUnknown,
    PlatformError,
    TargetMissing,
    WarehouseConflict,
    WarehouseFull,
    WarehouseRefused,
    WarehouseUnavailable,
)
from etl_platform_tests.aws.proxy import Cut, cutting_proxy
from etl_platform_tests.load.endpoint import Endpoint, running_endpoint

CANARY = "canary-4111111111111111"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with running_endpoint(tmp_path_factory.mktemp("warehouse")) as running:
        running.bootstrap()
        yield running


@pytest.fixture
def table(endpoint: Endpoint) -> str:
    name = f"etl_platform.t{uuid4().hex[:8]}"
    with endpoint.connect() as warehouse:
        warehouse.execute(f"CREATE TABLE {name} (a varchar(9) NOT NULL)", name="the table")
        warehouse.commit()
    return name


def _count(endpoint: Endpoint, table: str) -> int:
    with endpoint.connect() as warehouse:
        return int(warehouse.fetch(f"SELECT count(*) FROM {table}", name="the count")[0][0])


def test_parameters_are_bound_and_a_percent_sign_without_them_is_itself(
    endpoint: Endpoint,
) -> None:
    with endpoint.connect() as warehouse:
        assert warehouse.fetch("SELECT %s", ["50%"], name="bound") == [("50%",)]
        assert warehouse.fetch("SELECT '50%'", name="plain") == [("50%",)]


def test_execute_says_how_many_rows_it_changed(endpoint: Endpoint, table: str) -> None:
    with endpoint.connect() as warehouse:
        changed = warehouse.execute(f"INSERT INTO {table} VALUES ('a'), ('b')", name="two rows")
    assert changed == 2


def test_what_is_not_committed_is_gone(endpoint: Endpoint, table: str) -> None:
    with endpoint.connect() as warehouse:
        warehouse.execute(f"INSERT INTO {table} VALUES ('a')", name="a row")
        warehouse.rollback()
        warehouse.execute(f"INSERT INTO {table} VALUES ('b')", name="a row")
    assert _count(endpoint, table) == 0


def test_a_commit_after_a_failed_statement_is_not_taken_for_one(
    endpoint: Endpoint, table: str
) -> None:
    with endpoint.connect() as warehouse:
        warehouse.execute(f"INSERT INTO {table} VALUES ('a')", name="a row")
        with pytest.raises(WarehouseRefused):
            warehouse.execute("SELECT 1/0", name="the division")
        with pytest.raises(WarehouseRefused, match="COMMIT"):
            warehouse.commit()
        warehouse.rollback()
        warehouse.commit()
    assert _count(endpoint, table) == 0


@pytest.mark.parametrize(("answer_only", "rows"), [(True, 1), (False, 0)])
def test_a_connection_that_breaks_at_commit_leaves_the_outcome_unknown(
    endpoint: Endpoint, table: str, answer_only: bool, rows: int
) -> None:
    cut = Cut(answer_only)
    with cutting_proxy(endpoint.service.port, cut) as port:
        secret = endpoint.service.model_copy(update={"port": port})
        with connect(secret) as warehouse:
            warehouse.execute(f"INSERT INTO {table} VALUES ('a')", name="a row")
            cut.armed = True
            with pytest.raises(CommitUnknown):
                warehouse.commit()
    assert _count(endpoint, table) == rows


def test_a_session_that_the_server_ends_is_unavailable(endpoint: Endpoint) -> None:
    with endpoint.connect() as warehouse:
        ((pid,),) = warehouse.fetch("SELECT pg_backend_pid()", name="the session")
        with connect(endpoint.admin) as admin:
            admin.execute(f"SELECT pg_terminate_backend({int(pid)})", name="the end")
        with pytest.raises(WarehouseUnavailable):
            warehouse.fetch("SELECT 1", name="a query")


def test_no_server_is_unavailable(endpoint: Endpoint) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(WarehouseUnavailable, match=str(port)):
        connect(endpoint.service.model_copy(update={"port": port}))


def test_a_server_that_does_not_encrypt_is_unavailable_and_gets_no_password(
    endpoint: Endpoint,
) -> None:
    with pytest.raises(WarehouseUnavailable, match="SSL"):
        connect(endpoint.service.model_copy(update={"sslmode": "verify-full"}))


def test_a_wrong_password_is_refused_and_not_shown(endpoint: Endpoint) -> None:
    wrong = endpoint.service.model_copy(update={"password": SecretStr(CANARY)})
    with pytest.raises(WarehouseRefused, match="the login") as refused:
        connect(wrong)
    assert refused.value.sqlstate == "28P01"
    assert CANARY not in str(refused.value) + repr(wrong)


def test_a_statement_may_take_longer_than_a_login(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECT_TIMEOUT_S", 1)
    with endpoint.connect() as warehouse:
        warehouse.fetch("SELECT pg_sleep(1.5)", name="a long statement")


def test_the_server_ends_a_statement_at_its_limit(endpoint: Endpoint) -> None:
    with connect(endpoint.service, statement_timeout_s=1) as warehouse:
        with pytest.raises(WarehouseConflict, match="timeout") as ended:
            warehouse.fetch("SELECT pg_sleep(30)", name="a statement without end")
        assert ended.value.timed_out
        warehouse.rollback()
        with pytest.raises(WarehouseConflict, match="timeout"):
            warehouse.fetch("SELECT pg_sleep(30)", name="the limit outlives a rollback")


def test_two_writers_of_a_row_meet_a_conflict(endpoint: Endpoint, table: str) -> None:
    with endpoint.connect() as warehouse:
        warehouse.execute(f"INSERT INTO {table} VALUES ('a')", name="a row")
        warehouse.commit()
    with endpoint.connect() as one, endpoint.connect() as two:
        for each in (one, two):
            each.fetch(f"SELECT a FROM {table}", name="the snapshot")
        one.execute(f"UPDATE {table} SET a = 'one'", name="the first writer")
        committer = threading.Timer(0.2, one.commit)
        committer.start()
        with pytest.raises(WarehouseConflict):
            two.execute(f"UPDATE {table} SET a = 'two'", name="the second writer")
        committer.join()


def test_a_row_in_an_error_of_the_server_stays_out(endpoint: Endpoint) -> None:
    name = f"etl_platform.t{uuid4().hex[:8]}"
    with endpoint.connect() as warehouse:
        warehouse.execute(
            f"CREATE TABLE {name} (a varchar(99), b integer NOT NULL)", name="the table"
        )
        with pytest.raises(WarehouseRefused) as refused:
            warehouse.execute(
                f"INSERT INTO {name} (a) VALUES ('{CANARY}')", name="the insert of a row"
            )
        warehouse.rollback()
        with pytest.raises(WarehouseRefused) as cast:
            warehouse.execute(f"SELECT CAST('{CANARY}' AS integer)", name="the cast")
    for error in (refused.value, cast.value):
        assert CANARY not in str(error)
        assert error.__cause__ is None
        assert error.__context__ is None
    assert "the insert of a row" in str(refused.value)


def _refusal(state: str, message: str, detail: str = "") -> ProgrammingError:
    return ProgrammingError({"S": "ERROR", "C": state, "M": message, "D": detail})


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        pytest.param(
            _refusal("XX000", "1023", "Serializable isolation violation on table - 1"),
            WarehouseConflict,
            id="serializable",
        ),
        pytest.param(
            _refusal("XX000", "could not complete because of conflict with concurrent transaction"),
            WarehouseConflict,
            id="snapshot",
        ),
        pytest.param(_refusal("40001", "could not serialize"), WarehouseConflict, id="40001"),
        pytest.param(_refusal("40P01", "deadlock detected"), WarehouseConflict, id="deadlock"),
        pytest.param(_refusal("55P03", "lock not available"), WarehouseConflict, id="lock"),
        pytest.param(_refusal("57P03", "starting up"), WarehouseUnavailable, id="starting"),
        pytest.param(_refusal("53100", "could not extend file"), WarehouseFull, id="no space"),
        pytest.param(
            _refusal("XX000", "Disk Full", "\n  error:  Disk Full\n  code: 1016\n"),
            WarehouseFull,
            id="disk full",
        ),
        pytest.param(_refusal("53300", "too many clients"), WarehouseUnavailable, id="crowded"),
        pytest.param(_refusal("42601", "syntax error"), WarehouseRefused, id="syntax"),
        pytest.param(
            _refusal("XX000", "row 10231 is bad", ""), WarehouseRefused, id="1023 within a number"
        ),
        pytest.param(InterfaceError("BrokenPipe"), WarehouseUnavailable, id="broken pipe"),
        pytest.param(TimeoutError("timed out"), WarehouseUnavailable, id="time-out"),
        pytest.param(OSError(), WarehouseUnavailable, id="an error without words"),
    ],
)
def test_each_kind_of_fault_has_its_error(error: Exception, kind: type[PlatformError]) -> None:
    assert type(translate(error, "the statement", "here")) is kind


def test_a_table_that_is_not_there_is_named() -> None:
    error = translate(_refusal("42P01", 'relation "a.b" does not exist'), "the lock", "here")
    assert isinstance(error, TargetMissing)
    assert error.table == "a.b"


def test_the_detail_of_a_copy_error_is_shown_on_one_line() -> None:
    detail = "\n  -----------------\n  error:  Spectrum Scan Error\n  code: 15007\n  -----------\n"
    error = translate(_refusal("XX000", "Spectrum Scan Error", detail), "COPY", "here")
    assert isinstance(error, WarehouseRefused)
    assert error.message == "Spectrum Scan Error; error: Spectrum Scan Error code: 15007"


@pytest.mark.parametrize(
    ("state", "message", "detail"),
    [
        ("23502", "null value in column", f"Failing row contains ({CANARY}, null)."),
        ("23505", "duplicate key", f"Key (a)=({CANARY}) already exists."),
        ("22P02", f'invalid input syntax for type integer: "{CANARY}"', ""),
        ("22008", f'date/time field value out of range: "{CANARY}"', ""),
    ],
)
def test_values_in_the_words_of_the_server_are_left_out(
    state: str, message: str, detail: str
) -> None:
    assert CANARY not in str(translate(_refusal(state, message, detail), "COPY", "here"))


def test_the_text_of_an_error_is_printable_and_of_limited_length() -> None:
    error = translate(_refusal("42601", "a\x1b[31m\u202eb\nc" + "d" * 5000), "COPY", "here")
    assert isinstance(error, WarehouseRefused)
    assert error.message.isprintable()
    assert len(error.message) == MOST_CHARACTERS


@pytest.mark.parametrize("sslmode", ["disable", "require", "verify-ca", "verify-full"])
def test_every_mode_of_a_secret_is_known_to_the_adapter(sslmode: str) -> None:
    settings = module._SSL[sslmode]
    assert settings["ssl"] is (sslmode != "disable")
    assert settings.get("sslmode") in (None, "verify-ca", "verify-full")
    assert set(module._SSL) == set(WarehouseSecret.model_fields["sslmode"].annotation.__args__)  # type: ignore[union-attr]
