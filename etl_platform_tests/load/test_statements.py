"""The document of statements holds what loads send."""

from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.statements import BEGIN, PAPER, page


def test_the_document_lists_every_statement_of_every_strategy_in_its_order(
    endpoint: Endpoint,
) -> None:
    _, mark, held = PAPER.read_text().partition(BEGIN)
    assert mark
    assert held.strip() == page(endpoint).strip()
