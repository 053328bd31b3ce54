"""What people and sources give: contracts, settings, hours, manifests and messages."""

from collections.abc import Sequence

from etl_platform.contract.errors.roots import Terminal


class ContractInvalid(Terminal):
    code = "CONTRACT_INVALID"

    def __init__(
        self, file: str, line: int | None, field: str, problem: str, expected: str
    ) -> None:
        """`line` is None where only the contract is known, and not the file that it was read from;
        `file` then names the contract."""
        self.file, self.line, self.field, self.problem = file, line, field, problem
        place = file if line is None else f"{file}:{line}"
        super().__init__(
            f"{place}: {field or 'the document'}: {problem}",
            expected=expected,
            remedy="Correct the line; docs/contract.md lists every field",
        )


class SourceUnknown(Terminal):
    code = "SOURCE_UNKNOWN"

    def __init__(self, source: str, known: Sequence[str]) -> None:
        self.source, self.known = source, tuple(known)
        super().__init__(
            f"no source is called {source!r}",
            expected=f"one of {', '.join(known) or '(none is defined)'}",
            remedy="Correct the name, or add etl_platform/defs/<source>/defs.yaml",
        )


class AggregateUnknown(Terminal):
    code = "AGGREGATE_UNKNOWN"

    def __init__(self, aggregate: str, known: Sequence[str]) -> None:
        self.aggregate, self.known = aggregate, tuple(known)
        super().__init__(
            f"no aggregate is called {aggregate!r}",
            expected=f"one of {', '.join(known) or '(none is defined)'}",
            remedy="Correct the name, or add etl_platform/defs/<aggregate>/defs.yaml",
        )


class SettingInvalid(Terminal):
    code = "SETTING_INVALID"

    def __init__(self, setting: str, problem: str, expected: str) -> None:
        self.setting = setting
        super().__init__(
            f"setting {setting} {problem}",
            expected=expected,
            remedy="Set it in the environment or in the file that ETL_ENV_FILE names",
        )


class HourInvalid(Terminal):
    code = "HOUR_INVALID"

    def __init__(self, text: str, expected: str) -> None:
        self.text = text
        super().__init__(f"{text!r} is not an hour", expected=expected, remedy="Hours are in UTC")


class HourRefused(Terminal):
    code = "HOUR_REFUSED"

    def __init__(self, source: str, hour: str, problem: str, expected: str) -> None:
        self.source, self.hour, self.problem = source, hour, problem
        super().__init__(
            f"{source} {hour} {problem}",
            expected=expected,
            remedy="Correct the folder of the manifest, or `starts` and `ends` of the contract",
        )


class LocationRefused(Terminal):
    code = "LOCATION_REFUSED"

    def __init__(self, location: str, problem: str, expected: str) -> None:
        self.location = location
        super().__init__(
            f"location {location!r} {problem}",
            expected=expected,
            remedy="Correct the manifest and land it again",
        )


class ManifestMissing(Terminal):
    code = "MANIFEST_MISSING"

    def __init__(self, location: str) -> None:
        self.location = location
        super().__init__(
            f"there is no manifest at {location}",
            expected="a manifest.json in the hour's folder, written after its files",
            remedy="Land the hour, or leave it missing if the source had nothing to send",
        )


class ManifestInvalid(Terminal):
    code = "MANIFEST_INVALID"

    def __init__(self, location: str, problem: str) -> None:
        self.location, self.problem = location, problem
        super().__init__(
            f"the manifest {location} is not usable: {problem}",
            expected='the Redshift manifest format, {"entries": [{"url": "s3://..."}]}',
            remedy="Correct the manifest and land it again",
        )


class ManifestFileMissing(Terminal):
    code = "MANIFEST_FILE_MISSING"

    def __init__(self, manifest: str, missing: Sequence[str]) -> None:
        self.manifest, self.missing = manifest, tuple(missing)
        shown = ", ".join(missing[:5]) + (" and others" if len(missing) > 5 else "")
        super().__init__(
            f"{manifest} names {len(missing)} file(s) that do not exist: {shown}",
            expected="every listed file to be there before the manifest is written",
            remedy="Land the missing file(s), then write the manifest again",
        )


class ManifestFileDiffers(Terminal):
    code = "MANIFEST_FILE_DIFFERS"

    def __init__(self, location: str, promised_bytes: int, actual_bytes: int) -> None:
        self.location = location
        self.promised_bytes, self.actual_bytes = promised_bytes, actual_bytes
        super().__init__(
            f"{location} has {actual_bytes} bytes",
            expected=f"{promised_bytes} bytes, as the manifest says",
            remedy="Land the file again, then write the manifest again",
        )


class MessageInvalid(Terminal):
    code = "MESSAGE_INVALID"

    def __init__(self, body: str, problem: str) -> None:
        self.body, self.problem = body, problem
        super().__init__(
            f"the message {body[:200]!r} {problem}",
            expected="a batch request as the ingest function writes it",
            remedy="`etl-platform refused` shows it; write the manifest again to load its hour",
        )
