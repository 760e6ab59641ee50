"""Requests and responses against botocore's own service model.

botocore's client checks types, required members and minima. What it leaves to AWS (patterns,
enumerations, maxima, sizes of lists) is checked here from the same model, with AWS's texts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape

from autodrop_local.sagemaker.api.patterns import matches
from autodrop_local.sagemaker.errors import ApiError, invalid

_JSON_KINDS = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float),
    "structure": (dict,),
    "map": (dict,),
    "list": (list, tuple),
}


@cache
def service_model() -> ServiceModel:
    """SageMaker's service model as the installed botocore has it."""
    session = botocore.session.get_session()
    return session.get_service_model("sagemaker")


def request(operation: str, body: bytes) -> dict[str, Any]:
    """The members of a request.

    Raises:
        ApiError: `SerializationException` for what cannot be read, `ValidationException` for
            what breaks a constraint of the model.
    """
    try:
        members = json.loads(body or b"{}")
    except ValueError:
        raise ApiError("SerializationException", "The request body is not JSON.") from None
    if not isinstance(members, dict):
        raise ApiError("SerializationException", "Start of structure expected.")
    shape = service_model().operation_model(operation).input_shape
    problems = list(_problems(shape, members, "")) if shape is not None else []
    if problems:
        count = f"{len(problems)} validation error{'s'[: len(problems) > 1]} detected: "
        raise invalid(count + "; ".join(problems))
    return members


def response_problems(operation: str, members: dict[str, Any]) -> list[str]:
    """What in a response of ours does not fit the model; empty when all does."""
    shape = service_model().operation_model(operation).output_shape
    if shape is None:
        return [] if not members else [f"{operation} has no response members"]
    try:
        return list(_problems(shape, members, ""))
    except ApiError as error:
        return [error.message]


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if not _is_of_kind(value, shape.type_name):
        raise ApiError(
            "SerializationException",
            f"{type(value).__name__} can not be converted to {shape.type_name} at '{path}'.",
        )
    if isinstance(shape, StructureShape):
        yield from _structure_problems(shape, value, path)
    elif isinstance(shape, ListShape):
        yield from _size_problems(shape, len(value), value, path)
        for position, member in enumerate(value, start=1):
            yield from _problems(shape.member, member, f"{path}.{position}.member")
    elif isinstance(shape, MapShape):
        yield from _size_problems(shape, len(value), value, path)
        for key, member in value.items():
            yield from _problems(shape.key, key, f"{path}.key")
            yield from _problems(shape.value, member, f"{path}.{key}")
    else:
        yield from _scalar_problems(shape, value, path)


def _is_of_kind(value: object, type_name: str) -> bool:
    kinds = _JSON_KINDS[type_name]
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _structure_problems(shape: StructureShape, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield _failure("null", _join(path, name), "Member must not be null")
    for name, member in value.items():
        if name not in shape.members:
            known = ", ".join(shape.members)
            yield _failure(name, path or "request", f"Member must be one of: [{known}]")
        elif member is not None:
            yield from _problems(shape.members[name], member, _join(path, name))
    if shape.is_tagged_union and len([m for m in value.values() if m is not None]) != 1:
        yield _failure("union", path, f"Exactly one of [{', '.join(shape.members)}] must be set")


def _scalar_problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(value, str):
        yield from _size_problems(shape, len(value), value, path)
        enum = shape.enum if isinstance(shape, StringShape) else []
        if enum and value not in enum:
            allowed = ", ".join(enum)
            yield _failure(value, path, f"Member must satisfy enum value set: [{allowed}]")
        pattern = shape.metadata.get("pattern")
        if pattern is not None and not matches(pattern, value):
            yield _failure(
                value, path, f"Member must satisfy regular expression pattern: {pattern}"
            )
    elif not isinstance(value, bool) and shape.type_name != "timestamp":
        if not math.isfinite(value):
            yield _failure(value, path, "Member must be a finite number")
            return
        yield from _bound_problems(shape, value, value, path, "value")


def _size_problems(shape: Shape, size: int, value: Any, path: str) -> Iterator[str]:
    yield from _bound_problems(shape, size, value, path, "length")


def _bound_problems(
    shape: Shape, measured: float, value: Any, path: str, what: str
) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and measured < low:
        yield _failure(value, path, f"Member must have {what} greater than or equal to {low}")
    if high is not None and measured > high:
        yield _failure(value, path, f"Member must have {what} less than or equal to {high}")


def _failure(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value == "null" else f"'{str(value)[:200]}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    """The path of a member as AWS writes it, with a lower-case first letter."""
    member = name[0].lower() + name[1:]
    return f"{path}.{member}" if path else member
