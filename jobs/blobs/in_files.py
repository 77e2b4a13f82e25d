"""Blobs as files: what folders, S3 and every other store that fsspec can reach have in common."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

from jobs import keys
from jobs.blobs.store import Blob
from jobs.errors import BlobMissing, BlobsAway, JobError

logger = logging.getLogger(__name__)

_SIGNATURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}
"""First bytes of all that the service stores; a folder keeps no content types."""
_JOB, _NAME = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII), re.compile(r"[a-z]+(-[0-9]+)?", re.ASCII)
"""What our own folders and files look like; the sweep touches nothing else."""


class Files(Protocol):
    """The part of fsspec's file systems that is used; `path` is absolute, `/` between its parts."""

    def pipe_file(self, path: str, value: bytes, **described: str) -> object:
        """Write a whole file."""
        ...

    def makedirs(self, path: str, exist_ok: bool) -> object:
        """Make a folder and those above it; nothing where there are no folders."""
        ...

    def cat_file(self, path: str) -> bytes:
        """Read a whole file."""
        ...

    def rm_file(self, path: str) -> object:
        """Remove a file."""
        ...

    def ls(self, path: str, detail: bool) -> list[Any]:
        """Paths of what lies in a folder."""
        ...

    def modified(self, path: str) -> datetime:
        """When a file was last written."""
        ...


@contextmanager
def reaching() -> Iterator[None]:
    """Whatever a driver raises means that the store has not done what it was asked; each has exceptions of its own."""
    try:
        yield
    except JobError:
        raise
    except Exception as error:
        raise BlobsAway(repr(error)) from error


class FileBlobStore:
    """One folder `root` with a folder for each job, named by its id, and in it a file for each blob.

    Such stores have no TTL: `BlobSweep` removes what belongs to no job any more.
    """

    def __init__(self, files: Files, root: str) -> None:
        self.root = root.rstrip("/")
        self._files = files

    def put(self, key: str, data: bytes, content_type: str, *, ttl_s: int) -> None:
        """Store or replace a blob; it lives as long as its job, whatever `ttl_s`. Raises `BlobsAway`."""
        with reaching():
            self._write(self._path(key), data, content_type)

    def get(self, key: str) -> Blob:
        """The blob stored under `key`, its type read from its content.

        Raises:
            BlobMissing: it is not there, although the store is.
            BlobsAway: the store does not answer, or has lost everything, as a folder whose disk is not mounted.
        """
        with reaching():
            try:
                data = self._files.cat_file(self._path(key))
            except FileNotFoundError:
                self.check()
                raise BlobMissing(key) from None
        return Blob(data, _type_of(data))

    def delete(self, keys: Iterable[str]) -> None:
        """Remove blobs as far as the store can be reached; the sweep removes the rest once their job is gone."""
        paths = [self._path(key) for key in keys]
        try:
            with reaching():
                self._remove(paths)
        except BlobsAway as away:
            logger.warning("blobs are left to the sweep", extra={"blobs": len(paths), "error": str(away)})

    def is_short(self) -> bool:
        """False: object stores have no bounds."""
        return False

    def check(self) -> None:
        """Ask whether the store answers. Raises `BlobsAway`."""
        with reaching():
            self._listed(self.root)

    def presigned(self, key: str, *, life_s: int, content_type: str, file_name: str) -> str | None:
        """None: this store has no addresses of its own."""
        return None

    def jobs(self) -> list[str]:
        """Ids of the jobs that have blobs. Raises `BlobsAway`."""
        with reaching():
            return [name for name in self._listed(self.root) if _JOB.fullmatch(name)]

    def written_at(self, job_id: str) -> float | None:
        """Unix time at which the job's newest blob was written; None if it has none. Raises `BlobsAway`."""
        with reaching():
            return max((self._files.modified(path).timestamp() for path in self._blobs_of(job_id)), default=None)

    def delete_job(self, job_id: str) -> None:
        """Remove all blobs of a job. Raises `BlobsAway`."""
        with reaching():
            self._remove(self._blobs_of(job_id))

    def _path(self, key: str) -> str:
        job_id, name = keys.blob_parts(key)
        return f"{self.root}/{job_id}/{name}"

    def _blobs_of(self, job_id: str) -> list[str]:
        folder = f"{self.root}/{job_id}"
        return [f"{folder}/{name}" for name in self._listed(folder) if _NAME.fullmatch(name)]

    def _listed(self, folder: str) -> list[str]:
        """Names in a folder; object stores have none that is empty."""
        try:
            return [str(path).rstrip("/").rpartition("/")[2] for path in self._files.ls(folder, detail=False)]
        except FileNotFoundError:
            return []

    def _write(self, path: str, data: bytes, content_type: str) -> None:
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(path, data)

    def _remove(self, paths: list[str]) -> None:
        for path in paths:
            try:
                self._files.rm_file(path)
            except FileNotFoundError:
                continue


def _type_of(data: bytes) -> str:
    found = (name for signature, name in _SIGNATURES.items() if data.startswith(signature))
    return next(found, "application/octet-stream")
