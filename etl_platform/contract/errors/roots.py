"""What every error has, and the three kinds that say whether to try again."""

from typing import Any, ClassVar


class PlatformError(Exception):
    """An error that says what happened, to which thing, what was expected and what to do."""

    code: ClassVar[str]

    def __init__(self, what: str, *, expected: str, remedy: str) -> None:
        self.what = what
        self.expected = expected
        self.remedy = remedy
        super().__init__(f"[{self.code}] {what}. Expected: {expected}. {remedy}")

    def __reduce__(self) -> tuple[Any, ...]:
        """As it is: Python would call the class with the message alone, and no class takes that."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(
    kind: type[PlatformError], args: tuple[Any, ...], facts: dict[str, Any]
) -> PlatformError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(facts)
    return error


class Terminal(PlatformError):
    """Trying again gives the same answer: the batch is blocked or the record is rejected."""


class Transient(PlatformError):
    """Trying again later may succeed."""


class UnknownOutcome(PlatformError):
    """The change may or may not have happened: look before trying again."""
