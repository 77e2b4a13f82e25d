"""Blobs in a folder that API and workers share: a local disk, or a network file system."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from jobs.blobs.in_files import FileBlobStore, Files
from jobs.errors import BlobsAway

SHORT_SHARE = 0.05
"""Of the disk: with less of it free no new job is accepted, so that what was accepted has room to end."""


class FolderBlobStore(FileBlobStore):
    """`root` must exist: a disk that is not mounted is a store that is away, and is not written beside."""

    def __init__(self, files: Files, root: str, *, short_share: float = SHORT_SHARE) -> None:
        super().__init__(files, root)
        self._short_share = short_share

    def is_short(self) -> bool:
        """Whether less than a twentieth of the disk is free; a folder that is away says so when it is to take blobs."""
        try:
            disk = shutil.disk_usage(self.root)
        except OSError:
            return False
        return disk.free < self._short_share * disk.total

    def check(self) -> None:
        """Raises `BlobsAway` if the folder is not there or cannot be written to."""
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise BlobsAway("the folder is not there, or not to be written to")

    def _write(self, path: str, data: bytes, content_type: str) -> None:
        Path(path).parent.mkdir(mode=0o700, exist_ok=True)
        super()._write(path, data, content_type)

    def _remove(self, paths: list[str]) -> None:
        super()._remove(paths)
        for folder in {Path(path).parent for path in paths}:
            with suppress(OSError):  # it has other blobs, or is gone
                folder.rmdir()
