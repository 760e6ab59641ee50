"""For the `conftest.py` of folders whose tests reach nothing but this machine."""

from __future__ import annotations

import pytest
from pytest_socket import socket_allow_hosts


@pytest.fixture(autouse=True)
def no_network() -> None:
    """Let sockets connect to this machine only; pytest-socket lifts it after the test."""
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
