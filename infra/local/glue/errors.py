"""The errors of the Glue API that the runner answers with, by their AWS names and texts."""


class GlueError(Exception):
    """A refusal that a client sees as a botocore ClientError of this `code`."""

    code = "InternalServiceException"
    status = 400


class EntityNotFound(GlueError):
    code = "EntityNotFoundException"


class InvalidInput(GlueError):
    code = "InvalidInputException"


class ConcurrentRunsExceeded(GlueError):
    code = "ConcurrentRunsExceededException"

    def __init__(self, job_name: str) -> None:
        super().__init__(f"Concurrent runs exceeded for {job_name}")


class InternalFailure(GlueError):
    status = 500


class LaunchError(Exception):
    """A run that could not be started: the run fails with this as its ErrorMessage."""

    def __str__(self) -> str:
        return f"LAUNCH ERROR | {super().__str__()}"
