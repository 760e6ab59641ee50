"""The event bus and the topic for outcomes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from autodrop.aws.client_errors import translated
from autodrop.errors import NotDelivered, NotFound, Transient
from autodrop.events import OUR_SOURCE, OwnEvent

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient


class DefaultEventBus:
    """`autodrop.ports.EventBus` on the account's default bus."""

    def __init__(self, client: EventBridgeClient) -> None:
        self._client = client

    def put(self, event: OwnEvent) -> None:
        """Put one event on the bus.

        Raises:
            Transient: EventBridge did not take it; PutEvents says so with HTTP 200.
        """
        with translated():
            answer = self._client.put_events(
                Entries=[
                    {
                        "Source": OUR_SOURCE,
                        "DetailType": event.detail_type,
                        "Detail": json.dumps(event.detail),
                    }
                ]
            )
        if answer["FailedEntryCount"]:
            entry = answer["Entries"][0]
            raise Transient(f"EventBridge: {entry.get('ErrorCode')}: {entry.get('ErrorMessage')}")


class SnsOutcomeTopic:
    """`autodrop.ports.OutcomeTopic` on an SNS topic."""

    def __init__(self, client: SNSClient, topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def publish(self, subject: str, message: str) -> None:
        """Send one notification.

        SNS takes subjects of less than 100 ASCII characters, no control characters among them.
        https://docs.aws.amazon.com/sns/latest/api/API_Publish.html

        Raises:
            NotDelivered: SNS refuses it.
        """
        plain = subject.encode("ascii", "replace").decode()[:99]
        plain = "".join(each if each.isprintable() else " " for each in plain)
        try:
            with translated():
                self._client.publish(TopicArn=self._topic_arn, Subject=plain, Message=message)
        except (ClientError, NotFound) as error:
            raise NotDelivered(f"SNS: {error}") from error
