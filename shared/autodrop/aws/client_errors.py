"""From botocore's `ClientError` to autodrop's errors, by code and never by guesswork."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from autodrop.errors import (
    AlreadyExists,
    AutodropError,
    JobFailed,
    NotFound,
    QuotaExceeded,
    Transient,
)

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html
_TRANSIENT = frozenset(
    {
        "InternalFailure",
        "InternalError",
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttled",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)
_NOT_FOUND = frozenset(
    {
        "404",
        "NoSuchKey",
        "NoSuchVersion",
        "NotFound",
        "ResourceNotFound",
        "ResourceNotFoundException",
    }
)
_TOO_MANY_REQUESTS = 429
_TAKEN = "Cannot create already existing"
# The second one is of processing and transform jobs: the service model says ResourceNotFound, AWS's
# own controller for Kubernetes looks for this text (generator.yaml), so both count.
# https://github.com/aws-controllers-k8s/sagemaker-controller
_UNKNOWN = ('Could not find model "', "Could not find requested job")


@contextmanager
def translated() -> Iterator[None]:
    """Raise autodrop's errors for what AWS answers inside the block.

    Raises:
        NotFound: The thing is not there.
        AlreadyExists: The name is taken (`ResourceInUse`).
        QuotaExceeded: `ResourceLimitExceeded`.
        Transient: Throttling, 5xx and broken connections, after botocore's own retries.
        ClientError: Everything else, such as AccessDenied: our bug, left as it is.
    """
    try:
        yield
    except ClientError as error:
        raise _translate(error) from error
    except (BotoConnectionError, HTTPClientError) as error:
        raise Transient(f"no answer from AWS: {error}") from error


@contextmanager
def translated_sagemaker() -> Iterator[None]:
    """As `translated`, and `ValidationException` by what it says.

    SageMaker models no error for a taken or unknown model name: it answers ValidationException, and
    its own SDK tells the cases apart by these texts. Unknown jobs may be answered so too. Any other
    refusal will not pass by itself.

    Raises:
        JobFailed: SageMaker refuses the request.
    """
    try:
        with translated():
            yield
    except ClientError as error:
        code, message = _said(error)
        if code != "ValidationException":
            raise
        if _TAKEN in message:
            raise AlreadyExists(message) from error
        if any(text in message for text in _UNKNOWN):
            raise NotFound(message) from error
        raise JobFailed("REFUSED_BY_SAGEMAKER", message) from error


def is_condition_failed(error: ClientError) -> bool:
    """Return whether DynamoDB refused a conditional write because its condition is false."""
    return _said(error)[0] == "ConditionalCheckFailedException"


def _translate(error: ClientError) -> AutodropError | ClientError:
    code, message = _said(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _NOT_FOUND:
        return NotFound(message)
    if code == "ResourceInUse":
        return AlreadyExists(message)
    if code == "ResourceLimitExceeded":
        return QuotaExceeded(message)
    if code in _TRANSIENT or status == _TOO_MANY_REQUESTS or status >= 500:
        return Transient(f"{code}: {message}")
    return error


def _said(error: ClientError) -> tuple[str, str]:
    told = error.response.get("Error", {})
    return told.get("Code", ""), told.get("Message", "")
