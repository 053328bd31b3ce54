"""The figures of a year, and what is promised of them."""

from collections.abc import Iterator

from etl_platform_tests.benchmarks.tables import Finding, Target
from etl_platform_tests.benchmarks.year.recount import Recount
from etl_platform_tests.benchmarks.year.simulation import Year, year
from etl_platform_tests.benchmarks.year.world import Span


def of_year(span: Span) -> Iterator[Finding]:
    """A year with its faults, counted again; and what it left in Dagster's databases."""
    with year(span) as lived:
        lived.run()
        yield _of_hours(lived, Recount(lived))
        yield _of_growth(lived)


def _of_hours(lived: Year, count: Recount) -> Finding:
    counts, warehouse, people = lived.buckets.counts, lived.warehouse, lived.people
    rows = {
        "hours sent": len(lived.feed.sent),
        **dict(sorted(counts.items())),
        "times Dagster was down": len(lived.world.downs),
        "times S3 or the warehouse was down": len(lived.world.outages),
        "ticks": sum(month.ticks for month in lived.months),
        "runs": lived.workers.runs,
        "batches in the ledger": len(warehouse.ledger),
        "batches that a run brought again, and that were there": warehouse.found_loaded,
        "mornings on which `completeness` failed": people.alarms,
        "hours that people asked for again": len(people.replayed),
        "messages refused": len(lived.buckets.dead_letters),
        "old runs deleted at the end": lived.runs_forgotten,
    }
    wrong = {
        "hours lost": count.lost,
        "hours with rows that nobody sent": count.unsent,
        "hours blocked that should not be, or the other way round": count.blocked_otherwise,
        "hours of which Dagster tells something else than the ledger": count.told_otherwise,
        "hours that people had to ask for, and no fault said so": count.replayed_in_vain,
    }
    return Finding(
        f"{lived.world.span.hours:,} hours of live operation",
        ("", "count"),
        [(what, f"{number:,}") for what, number in rows.items()],
        [
            *(_none(what, len(places)) for what, places in wrong.items()),
            _none("batches that were asked for twice as the same attempt", lived.asked_twice),
            _none("messages and runs left over", count.left_over),
        ],
    )


def _none(what: str, number: int) -> Target:
    return Target(what, number, 0, is_least=False)


def _of_growth(lived: Year) -> Finding:
    tables = ("runs", "run_tags", "event_logs", "asset_check_executions", "job_ticks")
    header = ("after month", "hours loaded", "longest tick s", "MB", *(f"`{t}`" for t in tables))
    last = f"{len(lived.months) - 1}, old runs deleted"
    return Finding(
        "What Dagster's databases hold",
        header,
        [
            (
                last if month is lived.months[-1] else str(number),
                f"{month.hours:,}",
                f"{month.longest_tick_s:.2f}",
                f"{month.size.size_bytes / 1e6:.0f}",
                *(f"{month.size.rows[table]:,}" for table in tables),
            )
            for number, month in enumerate(lived.months, 1)
        ],
    )
