"""What the command says when it cannot do what was asked: one sentence and an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from autodrop.errors import AutodropError, Rejected

FAILED = 1
BAD_USAGE = 2
REJECTED = 3
INTERRUPTED = 130


class Problem(Exception):
    """The command ends here. Not retried: the user reads the sentence.

    Attributes:
        sentence: What is wrong and what helps.
        exit_code: The exit code of the process.
    """

    def __init__(self, sentence: str, exit_code: int = FAILED) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.exit_code = exit_code


@contextmanager
def in_sentences() -> Iterator[None]:
    """Raise a `Problem` for everything that the network, AWS or the disk may answer.

    Raises:
        Problem: Instead of the error that was raised inside the block.
    """
    try:
        yield
    except BrokenPipeError:
        # The reader of our output has gone, as in `autodrop status | head`: nobody to tell.
        raise
    except Rejected as error:
        raise Problem(f"{error.code}: {error.message} {error.remedy}", REJECTED) from error
    except (AutodropError, Boto3Error, BotoCoreError, ClientError, OSError) as error:
        raise Problem(sentence_for(error)) from error


def sentence_for(error: Exception) -> str:
    """Return what a user can read of an error."""
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        return f"AWS refused {error.operation_name}: {told.get('Code')}: {told.get('Message')}"
    if isinstance(error, NoRegionError):
        return "No AWS region is set: set AWS_REGION or choose a profile with AWS_PROFILE."
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return "No AWS credentials were found: sign in, or choose a profile with AWS_PROFILE."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__
