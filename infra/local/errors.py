"""What can go wrong with the laptop itself, said so that its user knows what to do."""

from collections.abc import Sequence
from pathlib import Path


class LocalStackError(Exception):
    """The laptop cannot be brought up, changed or taken down."""


class LockHeld(LocalStackError):
    def __init__(self, file: Path) -> None:
        self.file = file
        super().__init__(f"another command is changing the laptop ({file} is locked); wait for it")


class StateInUse(LocalStackError):
    def __init__(self, file: Path) -> None:
        self.file = file
        super().__init__(
            f"another local Redshift serves {file.parent} ({file.name} is locked); stop it, or name"
            " another directory"
        )


class ServerFailed(LocalStackError):
    def __init__(self, server: str, problem: str, log_tail: str) -> None:
        self.server, self.problem, self.log_tail = server, problem, log_tail
        super().__init__(f"server {server} {problem}; the end of its log:\n{log_tail}")


class TypesUnknown(LocalStackError):
    """Each entry is a stack, a logical id and a type."""

    def __init__(self, resources: Sequence[tuple[str, str, str]]) -> None:
        self.resources = tuple(resources)
        listed = "\n".join(f"  {stack}: {name}: {type_}" for stack, name, type_ in resources)
        super().__init__(
            f"the emulator does not know these resource types:\n{listed}\n"
            f"Add the type, with its reason, to NOT_ON_THE_LAPTOP in infra/local/template.py"
        )


class StackFailed(LocalStackError):
    """Each failure is a logical id, a type and a reason."""

    def __init__(self, stack: str, status: str, failures: Sequence[tuple[str, str, str]]) -> None:
        self.stack, self.status, self.failures = stack, status, tuple(failures)
        listed = "\n".join(f"  {name} ({type_}): {reason}" for name, type_, reason in failures)
        super().__init__(f"stack {stack} ended in {status}:\n{listed or '  no reason was given'}")


class AssemblyInvalid(LocalStackError):
    def __init__(self, file: Path, problem: str) -> None:
        self.file, self.problem = file, problem
        super().__init__(f"{file}: {problem}; synthesise the CDK app again")


class NotUp(LocalStackError):
    def __init__(self, server: str) -> None:
        self.server = server
        super().__init__(f"server {server} is not running; bring the laptop up first")
