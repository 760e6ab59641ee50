"""Errors that a caller of the API sees.

`ApiError` is the only one; its code is AWS's. Nothing here is retried by the service itself:
`ResourceLimitExceeded` and `InternalFailure` are worth retrying for the caller, the rest are not.
"""

from __future__ import annotations


class ApiError(Exception):
    """A refusal in AWS's form: an error code, a text and an HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def invalid(message: str) -> ApiError:
    """A `ValidationException`, SageMaker's code for most refusals."""
    return ApiError("ValidationException", message)


def not_found(message: str) -> ApiError:
    """A `ResourceNotFound`."""
    return ApiError("ResourceNotFound", message)


def in_use(message: str) -> ApiError:
    """A `ResourceInUse`, SageMaker's code for a job name that is taken."""
    return ApiError("ResourceInUse", message)
