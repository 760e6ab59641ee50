"""No network."""

from __future__ import annotations

from tests.network import no_network as no_network
