"""From the setting to the store."""

from __future__ import annotations

from pathlib import Path

from jobs.blobs.in_files import FileBlobStore
from jobs.blobs.in_folder import FolderBlobStore
from jobs.blobs.in_redis import RedisBlobStore
from jobs.blobs.in_s3 import S3BlobStore
from jobs.blobs.store import BlobStore
from jobs.connect import RedisClient
from jobs.errors import BlobsUnusable
from jobs.settings import Settings

IN_REDIS = "redis"


def open_blobs(settings: Settings, redis: RedisClient) -> BlobStore:
    """The configured store; nothing is sent until the first blob, but a folder is made if it is not there.

    Raises:
        BlobsUnusable: the setting means nothing, or needs what is not installed; the message says what to do.
    """
    url = settings.blobs_url
    scheme, separator, place = url.partition("://")
    if url == IN_REDIS:
        return RedisBlobStore(redis)
    if not separator or not place.strip("/"):
        raise BlobsUnusable(f"{url!r} is no place for blobs: redis, file:///folder, s3://bucket/prefix, …")
    if scheme == "file" and not place.startswith("/"):
        raise BlobsUnusable(f"{url!r} is no absolute folder: file:///folder")
    if scheme == "memory":
        raise BlobsUnusable("memory:// is seen by one process only, but API and workers are several")
    try:
        return _open(url, scheme, place)
    except ImportError as error:
        raise BlobsUnusable(f"{scheme}:// needs what is not installed: pip install 'inlay[s3]' ({error})") from error
    except (OSError, ValueError, TypeError) as error:
        raise BlobsUnusable(f"{scheme}:// cannot be used: {error}") from error


def _open(url: str, scheme: str, place: str) -> BlobStore:
    """The drivers are imported here: a service with its blobs in Redis does without them."""
    import fsspec

    if scheme == "s3":
        return S3BlobStore(place)
    if scheme == "file":
        Path(place).mkdir(mode=0o700, parents=True, exist_ok=True)
        return FolderBlobStore(fsspec.filesystem("file"), str(Path(place).absolute()))
    files, root = fsspec.core.url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
    return FileBlobStore(files, root)
