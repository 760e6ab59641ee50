"""Everything that can go wrong, and who tries again.

    AutodropError
    ├── Rejected           the input is not usable; never retried, the user must act
    ├── OutOfRoom          disk or memory are too small for the file; answered by the step
    ├── Transient          throttling, 5xx; Lambda retries
    │   └── QuotaExceeded  no room in the account now; the run waits and `watch_runs` tries again
    ├── JobFailed          SageMaker failed or refused; never retried
    ├── NotFound           the named thing is not there; answered by the step that asked
    ├── NotDelivered       SNS refuses a notification; the run ends without it
    ├── AlreadyExists      the name is taken; a step goes on once Describe shows that it is ours
    └── MalformedEvent     an event nobody can ever handle; never retried

Anything else is our bug: Lambda retries it, then the failure queue ends the run as FAILED.
"""

from __future__ import annotations

from collections.abc import Sequence

from autodrop.findings import Finding


class AutodropError(Exception):
    """Base of all errors that autodrop raises on purpose."""


class Rejected(AutodropError):
    """The dropped file or its settings cannot be used. Not retried.

    Attributes:
        code: Stable upper-case name of the problem.
        message: What is wrong, in a sentence without row data beyond a shortened example.
        remedy: What the user can change.
        line: 1-based line of the file, when the problem has a place.
        column: Column name, when the problem has one.
        example: A cell that shows it, shortened; not for logs.
        others: What else was found in the file.
    """

    def __init__(
        self,
        code: str,
        message: str,
        remedy: str,
        *,
        line: int | None = None,
        column: str | None = None,
        example: str | None = None,
        others: Sequence[Finding] = (),
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.remedy = remedy
        self.line = line
        self.column = column
        self.example = example
        self.others = tuple(others)

    @classmethod
    def of(cls, finding: Finding, others: Sequence[Finding] = ()) -> Rejected:
        """Return the refusal whose `finding` this is."""
        return cls(
            finding.code,
            finding.message,
            finding.remedy,
            line=finding.line,
            column=finding.column,
            example=finding.example,
            others=others,
        )

    @property
    def finding(self) -> Finding:
        """The problem in the form of everything else that is found."""
        return Finding(self.code, self.message, self.remedy, self.line, self.column, self.example)


class OutOfRoom(AutodropError):
    """What a file needs does not fit on the disk, or into the memory, where it is worked on.

    Not retried there: it goes where there is more room. It says nothing about the file.
    """


class Transient(AutodropError):
    """A call failed in a way that passes by itself. Retried by Lambda."""


class QuotaExceeded(Transient):
    """The account has no room for another job right now. The run waits instead of failing."""


class JobFailed(AutodropError):
    """A SageMaker job failed, or SageMaker refused the request. Not retried."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class NotFound(AutodropError):
    """The object, job, model or run asked for does not exist."""


class NotDelivered(AutodropError):
    """A notification cannot be sent, and trying again would not help. Not retried."""


class AlreadyExists(AutodropError):
    """The name is taken."""


class MalformedEvent(AutodropError):
    """The event lacks what every such event has. Not retried: it can never succeed."""
