"""Which columns of a result are VARBYTE in text, whose digits Redshift sends without a mark.

https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html
"""

from infra.local.redshift import wire

_BYTEA = 17


class Shapes:
    """Follows what a session describes, binds and executes."""

    def __init__(self) -> None:
        self.hex_places: frozenset[int] = frozenset()
        """The columns of VARBYTE in the rows that come now."""
        self._described: dict[tuple[bytes, str], frozenset[int]] = {}
        self._formats: dict[str, tuple[int, ...]] = {}
        self._asked: tuple[bytes, str] | None = None

    def asked(self) -> None:
        """A simple query: its rows follow their description, all in text."""
        self.hex_places, self._asked = frozenset(), None

    def described(self, kind: bytes, name: str) -> None:
        """The description of a statement (S) or a portal (P) comes next, if it has rows."""
        self._asked = (kind, name)
        self._described.pop(self._asked, None)

    def told(self, description: bytes) -> None:
        """The columns of what was asked for."""
        columns = wire.read_row_description(description)
        self.hex_places = frozenset(
            place for place, column in enumerate(columns) if column.type_oid == _BYTEA
        )
        if self._asked is not None:
            self._described[self._asked] = self.hex_places

    def bound(self, message: wire.Bind) -> None:
        """A portal has the columns of its statement, in the formats that it asks for."""
        self._formats[message.portal] = message.formats
        self._described.pop((b"P", message.portal), None)
        if (known := self._described.get((b"S", message.statement))) is not None:
            self._described[b"P", message.portal] = known

    def executed(self, portal: str) -> None:
        """The rows of a portal come next."""
        formats = self._formats.get(portal, ())
        self.hex_places = frozenset(
            place
            for place in self._described.get((b"P", portal), ())
            if not _format(formats, place)
        )


def _format(formats: tuple[int, ...], place: int) -> int:
    if len(formats) > 1:
        return formats[place]
    return formats[0] if formats else 0
