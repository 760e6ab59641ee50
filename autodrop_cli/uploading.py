"""The upload as it is seen: a bar on a terminal, else one line."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from autodrop.naming import Drop
from autodrop_cli.connection import Connection
from autodrop_cli.dropping import Upload, send
from autodrop_cli.terminal import plain, size


def upload_with_progress(connection: Connection, upload: Upload, console: Console) -> Drop:
    """Upload the file while showing how far it is; return the drop that it became.

    Raises:
        Problem: The bucket keeps no versions.
    """
    name = plain(upload.path.name)
    if not console.is_terminal:
        console.print(
            f"Uploading {name} ({size(upload.size)}) to {plain(connection.uri(upload.key))}",
            soft_wrap=True,
        )
        return send(connection.s3, connection.bucket_name, upload, lambda _: None)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"Uploading {name}", total=upload.size)
        return send(
            connection.s3,
            connection.bucket_name,
            upload,
            lambda sent: progress.advance(task, sent),
        )
