"""The local stack and the Dagster beside it, brought up and taken down together."""

import os
from pathlib import Path

from rich.console import Console

from etl_platform.dagster_api import DagsterApi
from etl_platform.preparation import prepare_warehouse
from etl_platform.settings import DAGSTER_URL, Settings
from infra.local.demo.dagster_dev import DagsterDev, reload
from infra.local.stack import NAMESPACE, LocalStack
from infra.local.steps import Steps


def bring_up(state_dir: Path, console: Console) -> LocalStack:
    """Have the local stack running, as the templates and contracts say."""
    # jsii starts Node.js when it is imported: only the command that synthesises pays for that.
    from infra.synth import synthesise

    stack = LocalStack(state_dir)
    with Steps(console) as step:
        stack.up(
            step,
            synthesise=lambda directory: synthesise(NAMESPACE, directory),
            bootstrap=_prepare,
        )
    return stack


def bring_up_with_dagster(state_dir: Path, console: Console) -> DagsterApi:
    """Have the local stack and Dagster running; this process uses them from here on."""
    stack = bring_up(state_dir, console)
    environment = stack.environment()
    os.environ.update(environment)
    with Steps(console) as step:
        step("starting Dagster: daemon, webserver, code server")
        # The file of the environment is one that this very stack has written.
        environment_file = {"ETL_ENV_FILE": str(stack.environment_file)}
        dagster = DagsterDev(state_dir).restart({**environment, **environment_file})
        stack.write_environment(**{DAGSTER_URL: dagster.address})
        return dagster


def reload_dagster(state_dir: Path, console: Console) -> None:
    """Have the Dagster that is up, if one is, read the contracts again."""
    dagster = DagsterDev(state_dir).running
    if dagster is not None:
        # The stack has written the environment anew, and knows nothing of what is beside it.
        LocalStack(state_dir).write_environment(**{DAGSTER_URL: dagster.address})
        with Steps(console) as step:
            step("having Dagster read the contracts again")
            reload(dagster)


def take_down(state_dir: Path, console: Console, *, reset: bool = False) -> None:
    """End Dagster, then the local stack."""
    with Steps(console) as step:
        step("stopping Dagster")
        DagsterDev(state_dir).down(reset=reset)
        step("stopping the local stack")
        LocalStack(state_dir).down(reset=reset)


def _prepare() -> None:
    prepare_warehouse(Settings.read().names)
