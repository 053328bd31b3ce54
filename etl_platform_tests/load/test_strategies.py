"""What a strategy takes of some batches depends on their set, not on their order or grouping."""

from hypothesis import given
from hypothesis import strategies as st

from etl_platform.load.strategies import Append, Refresh, Strategy, Upsert
from etl_platform.load.versions import Version, places
from etl_platform_tests.load.samples import FIRST_MANIFEST, START

_versions = st.builds(
    lambda hour, manifest: Version(
        START.plus(hour), FIRST_MANIFEST.replace(minute=manifest), f"{hour:02d}{manifest:02d}"
    ),
    st.integers(0, 4),
    st.integers(0, 3),
)
_STRATEGIES: dict[str, Strategy] = {"append": Append(), "refresh": Refresh()}
_sets = st.sets(_versions, min_size=1, max_size=10)


def _content(name: str, groups: list[list[Version]]) -> set[Version]:
    """The batches whose rows a table has that is loaded in these groups (append and refresh)."""
    strategy, loaded, table = _STRATEGIES[name], list[Version](), set[Version]()
    for group in groups:
        applied = strategy.applied(group, loaded)
        hours = {version.hour for version in applied}
        if name == "refresh" and applied:
            table = set()
        table = {version for version in table if version.hour not in hours} | applied
        loaded += group
    return table


@given(versions=_sets, data=st.data())
def test_append_and_refresh_end_in_the_same_batches_in_any_order(
    versions: set[Version], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(sorted(versions)))
    cut = data.draw(st.integers(0, len(order)))
    groups = [group for group in (order[:cut], order[cut:]) if group]
    for name in ("append", "refresh"):
        assert _content(name, groups) == _content(name, [sorted(versions)])


@given(versions=_sets)
def test_refresh_takes_the_newest_batch_only(versions: set[Version]) -> None:
    assert Refresh().applied(sorted(versions), []) == {max(versions)}


@given(arrivals=_sets, loaded=_sets)
def test_upsert_takes_every_batch(arrivals: set[Version], loaded: set[Version]) -> None:
    assert Upsert().applied(sorted(arrivals), sorted(loaded)) == arrivals


@given(versions=_sets)
def test_places_number_the_versions_of_each_hour_from_one(versions: set[Version]) -> None:
    numbered = dict(places(versions))
    for hour in {version.hour for version in versions}:
        ids = [version.batch_id for version in sorted(versions) if version.hour == hour]
        assert [numbered[batch_id] for batch_id in ids] == list(range(1, len(ids) + 1))
