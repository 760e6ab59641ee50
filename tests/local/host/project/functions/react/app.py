"""Does what the name of a dropped object, or a direct call, asks for."""

import json
import logging
import os
import time
from typing import Any

import boto3
import probe_layer  # type: ignore[import-not-found]


def lambda_handler(event: dict[str, Any], context: Any) -> Any:
    """Return what a call answers; write an event to the bucket, fail, or sleep."""
    if "service" in event:
        client = boto3.client(event["service"])
        return json.loads(
            json.dumps(getattr(client, event["method"])(**event["arguments"]), default=str)
        )
    key = event["detail"]["object"]["key"]
    logging.getLogger().warning("handling %s", key)
    if "fail" in key:
        raise ZeroDivisionError("on purpose")
    if "sleep" in key:
        time.sleep(20)
    seen = {
        "event": event,
        "layer": probe_layer.ORIGIN,
        "greeting": os.environ["GREETING"],
        "profile": os.environ.get("AWS_PROFILE"),
    }
    target = f"out/{key.removeprefix('in/')}"
    boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=target, Body=json.dumps(seen))
    return None
