"""What a step says about itself: one log line, and a metric where somebody counts."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Report:
    """What a step did.

    Attributes:
        message: A short phrase in the past tense.
        fields: Names and numbers for the log line; never row data.
        metric: A count to add one to.
    """

    message: str
    fields: dict[str, str | int | None] = field(default_factory=dict)
    metric: str | None = None
