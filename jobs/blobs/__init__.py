"""Uploaded and finished pictures as bytes under their own keys, never in job arguments."""

from __future__ import annotations

from jobs.blobs.expiry import BlobSweep
from jobs.blobs.in_redis import RedisBlobStore
from jobs.blobs.opening import open_blobs
from jobs.blobs.store import Blob, BlobStore

__all__ = ["Blob", "BlobStore", "BlobSweep", "RedisBlobStore", "open_blobs"]
