"""Prepare the warehouse of an installation: the parts of bootstrap, each as its own user."""

from etl_platform.aws.secrets import read_secret
from etl_platform.aws.warehouse import connect
from etl_platform.contract.aggregate_files import read_aggregates
from etl_platform.contract.layout import Names
from etl_platform.contract.reading import read_contracts
from etl_platform.load.bootstrap import prepare_as_admin, prepare_as_service
from etl_platform.load.target import Target
from etl_platform.publish import bootstrap as publishing
from etl_platform.publish.readers import apply_as_admin, readers_of


def prepare_warehouse(names: Names) -> tuple[str, ...]:
    """Make schemas, the service user and the tables of every source and aggregate, and let their
    readers read; the tables that were new."""
    contracts, aggregates = list(read_contracts().values()), list(read_aggregates().values())
    admin, service = read_secret(names.admin_secret), read_secret(names.service_secret)
    with connect(admin) as warehouse:
        prepare_as_admin(
            warehouse,
            contracts,
            user=service.username,
            password=service.password.get_secret_value(),
            database=service.dbname,
        )
        publishing.prepare_as_admin(warehouse, aggregates, user=service.username)
    with connect(service) as warehouse:
        tables = prepare_as_service(warehouse, contracts)
        taken = {Target(contract).table: contract.source for contract in contracts}
        made = publishing.prepare_as_service(warehouse, aggregates, taken)
    with connect(admin) as warehouse:
        readers = readers_of(contracts, [aggregate.contract for aggregate in aggregates])
        apply_as_admin(warehouse, readers)
    return tuple(str(table) for table in (*tables, *made))
