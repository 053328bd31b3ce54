"""What `cdk synth` and `cdk deploy` run: the installation that the environment names."""

from etl_platform.contract.reading import read_contracts
from etl_platform.settings import Settings
from infra.stacks.installation import make_app


def main() -> None:
    """The CDK command says by CDK_OUTDIR where the assembly goes."""
    make_app(Settings.read().names, read_contracts()).synth()


if __name__ == "__main__":
    main()
