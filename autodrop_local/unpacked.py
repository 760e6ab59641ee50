"""Lambda code unpacked once per content, which spares a cold start unpacking and compiling."""

import hashlib
import os
import shutil
import tempfile
import threading
import time
import zipfile
from pathlib import Path

_UNUSED_FOR = 7 * 24 * 3600.0
_one_at_a_time = threading.Lock()


def unpack_once(archive: Path, store: Path) -> Path:
    """The folder in `store` that holds the archive's files.

    The folder is shared by everybody with the same archive. Python leaves its compiled modules in
    it, which is most of what makes a second cold start fast.
    """
    with archive.open("rb") as content:
        folder = store / hashlib.file_digest(content, "sha256").hexdigest()
    with _one_at_a_time:
        if folder.exists():
            os.utime(folder)
            return folder
        staged = Path(tempfile.mkdtemp(dir=store, prefix=".unpacking-"))
        with zipfile.ZipFile(archive) as source:
            source.extractall(staged)
        staged.chmod(0o700)
        staged.rename(folder)
    return folder


def forget_unused(store: Path) -> None:
    """Removes folders that nobody asked for in a week, and what a killed process left half done."""
    now = time.time()
    for folder in store.iterdir():
        if folder.name.startswith(".") or now - folder.stat().st_mtime > _UNUSED_FOR:
            shutil.rmtree(folder, ignore_errors=True)
