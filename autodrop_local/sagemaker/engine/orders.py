"""What goes between the service and a job's process: one order in, messages out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from autodrop_local.sagemaker.ports import Place, RoleCredentials


@dataclass(frozen=True)
class Order:
    """A job to do. It goes over a pipe and is never on disk, for it holds credentials."""

    kind: str
    name: str
    arn: str
    request: dict[str, Any]
    containers: list[dict[str, Any]]
    created: float
    place: Place
    credentials: RoleCredentials
    work: str
    log: str

    def written(self) -> bytes:
        """One line of JSON."""
        members = asdict(self)
        members["place"]["ca_bundle"] = str(self.place.ca_bundle or "")
        return json.dumps(members).encode() + b"\n"

    @classmethod
    def of(cls, line: bytes) -> Order:
        """The order back from its line."""
        members = json.loads(line)
        place, ca_bundle = members["place"], members["place"]["ca_bundle"]
        members["place"] = Place(**{**place, "ca_bundle": Path(ca_bundle) if ca_bundle else None})
        members["credentials"] = RoleCredentials(**members["credentials"])
        return cls(**members)


class Tell(Protocol):
    """Sends one message to the service."""

    def __call__(self, subject: str, /, **members: Any) -> None:
        """Sends what happened and its particulars."""
