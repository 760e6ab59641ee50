"""How a job says why it failed."""

from __future__ import annotations

MAX_REASON = 1024


class JobFailedError(Exception):
    """The job cannot go on, for a reason that the user can act on; it holds no row data."""


def reason_of(error: BaseException) -> str:
    """What to write as FailureReason: the words of our own failures, only the type of others.

    The text of an unexpected exception may quote rows, so it stays in the log.
    """
    if isinstance(error, JobFailedError):
        return str(error)[:MAX_REASON]
    return f"InternalServerError: {type(error).__name__}. See the job's log for more."
