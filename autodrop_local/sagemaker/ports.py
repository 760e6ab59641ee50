"""What the service needs from its host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autodrop_local.sagemaker.events import EmittedEvent


@dataclass(frozen=True)
class RoleCredentials:
    """Temporary credentials of an assumed role."""

    access_key: str
    secret_key: str
    token: str


Emit = Callable[[EmittedEvent], None]
"""Puts one event on the default bus. Called from several threads, never from an event loop."""

CredentialsForRole = Callable[[str], RoleCredentials]
"""Assumes a role for SageMaker; raises when SageMaker may not assume it."""


@dataclass(frozen=True)
class Place:
    """Where the emulated account lives: its region and number, and the endpoint that answers."""

    region: str
    account_id: str
    endpoint: str
    ca_bundle: Path | None

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a SageMaker resource.

        >>> Place("us-east-1", "111122223333", "http://localhost", None).arn("model", "m")
        'arn:aws:sagemaker:us-east-1:111122223333:model/m'
        """
        return f"arn:aws:sagemaker:{self.region}:{self.account_id}:{kind}/{name}"
