"""Fields that a record has and its contract has not: what the policy of the contract makes of them.

A field is known if it stands at the path of a column, within what stands there, or on the way.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from etl_platform.contract.commit import MOST_UNKNOWN_NAMED
from etl_platform.contract.errors import FieldsUnknown
from etl_platform.contract.source import SourceContract

_MOST_NAME_CHARACTERS: Final = 100
_MOST_SHOWN: Final = 5

Known = dict[str, "Known | None"]
"""The names that columns lead to or through; None where all that is within a field is known."""


class Unknown:
    """The policy of a contract, and the unknown names in one file: the first of them in order."""

    def __init__(self, contract: SourceContract, url: str) -> None:
        self.policy = contract.unknown
        self._url = url
        self._paths = {folded(c.path or c.name): c.path or c.name for c in contract.columns}
        self._names: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._names))

    def meet(self, found: Iterable[str], where: str) -> str:
        """Remember names and give some of them. Raises FieldsUnknown if the policy blocks."""
        cut = [name[:_MOST_NAME_CHARACTERS] for name in found]
        for name in cut:
            self._names.add(name)
            # So it does not depend on the order of the records which ones are left.
            if len(self._names) > MOST_UNKNOWN_NAMED:
                self._names.remove(max(self._names))
        if cut and self.policy == "block":
            raise FieldsUnknown(
                self._url,
                f"{where} has what the contract has not: {_some(map(self._resembling, cut))}",
                "the fields of the contract and no other",
            )
        return _some(cut)

    def _resembling(self, name: str) -> str:
        alike = self._paths.get(folded(name))
        return f"{name!r} (resembles {alike!r})" if alike is not None else repr(name)


def _some(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - _MOST_SHOWN
    return ", ".join(names[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


def folded(name: str) -> str:
    """Equal for names that differ in case and spaces only."""
    return "".join(name.split()).casefold()


def known_fields(ways: Iterable[Iterable[str]]) -> Known:
    """The names on the ways to the columns of a contract."""
    known: Known = {}
    for way in ways:
        here: Known | None = known
        *before, last = way
        for step in before:
            if here is not None:
                here = here.setdefault(step, {})
        if here is not None:
            here[last] = None
    return known


def unknown_fields(record: Mapping[str, Any], known: Known) -> dict[str, Any]:
    """What is unknown in an object, under the names that lead there.

    A list on the way to a column is known as a whole.
    """
    found: dict[str, Any] = {}
    for name, value in record.items():
        if name not in known:
            found[name] = value
        elif (within := known[name]) is not None and isinstance(value, dict):
            unknown = unknown_fields(value, within)
            if unknown:
                found[name] = unknown
    return found


def names_of(found: Mapping[str, Any], known: Known, prefix: str = "") -> Iterator[str]:
    """The paths of what `unknown_fields` has found."""
    for name, value in found.items():
        within = known.get(name)
        if within is None:
            yield prefix + name
        else:
            yield from names_of(value, within, f"{prefix}{name}.")
