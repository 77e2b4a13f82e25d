"""What every blob store promises, tried on each: Redis, a folder, S3, and any other file system that fsspec knows."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fsspec.core import url_to_fs
from fsspec.implementations.memory import MemoryFileSystem

from jobs import keys
from jobs.blobs import BlobStore, BlobSweep, open_blobs
from jobs.blobs.expiry import GRACE_S
from jobs.blobs.in_files import FileBlobStore
from jobs.blobs.in_folder import FolderBlobStore
from jobs.connect import RedisClient
from jobs.errors import BlobMissing, BlobsAway, BlobsUnusable
from jobs.settings import Settings
from jobs.store import JobStore
from tests.jobs.conftest import NewRecord
from tests.s3_server import S3Server

PNG, WEBP, JPEG = b"\x89PNG\r\n\x1a\n\x00\xff", b"RIFF\x04\x00\x00\x00WEBP", b"\xff\xd8\xff\xe0"
JOB, OTHER = "0" * 31 + "1", "0" * 31 + "2"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture(params=["redis", "folder", "s3", "any", "local"])
def blobs(request: pytest.FixtureRequest, redis: RedisClient, settings: Settings, tmp_path: Path) -> BlobStore:
    match request.param:
        case "any":
            return FileBlobStore(MemoryFileSystem(), f"{tmp_path}/pictures")
        case "s3":
            url = f"{request.getfixturevalue('s3').url}/{tmp_path.name}"
        case "local":  # one of fsspec's others that has folders
            url = f"local://{tmp_path}/pictures"
        case "folder":
            url = f"file://{tmp_path}/pictures"
        case _:
            url = "redis"
    return open_blobs(settings.model_copy(update={"blobs_url": url}), redis)


@pytest.fixture
def folder(tmp_path: Path, redis: RedisClient, settings: Settings) -> BlobStore:
    return open_blobs(settings.model_copy(update={"blobs_url": f"file://{tmp_path}/pictures"}), redis)


@pytest.mark.parametrize(("data", "kind"), [(PNG, "image/png"), (WEBP, "image/webp"), (JPEG, "image/jpeg")])
def test_blob_comes_back_with_its_type_until_deleted(blobs: BlobStore, data: bytes, kind: str) -> None:
    key = keys.blob(JOB, "result-0")
    blobs.check()
    blobs.put(key, b"older", "image/png", ttl_s=60)
    blobs.put(key, data, kind, ttl_s=60)
    blob = blobs.get(key)
    assert (blob.data, blob.content_type) == (data, kind)
    assert not blobs.is_short()
    blobs.delete([key, keys.blob(JOB, "mask")])
    blobs.delete([])
    with pytest.raises(BlobMissing):
        blobs.get(key)


def test_blobs_of_a_job_are_its_own(blobs: BlobStore) -> None:
    for job_id in (JOB, OTHER):
        blobs.put(keys.blob(job_id, "image"), PNG + job_id.encode(), "image/png", ttl_s=60)
    blobs.delete([keys.blob(JOB, "image")])
    assert blobs.get(keys.blob(OTHER, "image")).data == PNG + OTHER.encode()


@pytest.mark.parametrize("name", ["../" + OTHER + "/image", "image/..", "", "image\n", "Image", "image:" + OTHER])
def test_no_key_leads_out_of_its_job(folder: BlobStore, name: str) -> None:
    folder.put(keys.blob(OTHER, "image"), PNG, "image/png", ttl_s=60)
    for key in (keys.blob(JOB, name), keys.blob(f"../{OTHER}", "image"), f"{OTHER}/image"):
        with pytest.raises((ValueError, BlobsAway)):
            folder.get(key)


@pytest.mark.parametrize("url", ["local://{}", "memory://{}"])
def test_folders_are_made_where_a_store_has_them(url: str, tmp_path: Path) -> None:
    files, root = url_to_fs(url.format(tmp_path), skip_instance_cache=True)
    blobs = FileBlobStore(files, root)
    blobs.check()
    blobs.put(keys.blob(JOB, "image"), PNG, "image/png", ttl_s=60)
    blobs.put(keys.blob(JOB, "mask"), PNG, "image/png", ttl_s=60)
    assert blobs.get(keys.blob(JOB, "image")).data == PNG
    assert blobs.jobs() == [JOB]
    blobs.delete_job(JOB)
    assert blobs.written_at(JOB) is None


def test_only_s3_presigns_and_what_it_signs_is_that_picture_alone(blobs: BlobStore, s3: S3Server) -> None:
    key = keys.blob(JOB, "result-0")
    blobs.put(key, WEBP, "image/webp", ttl_s=60)
    blobs.put(keys.blob(OTHER, "result-0"), PNG, "image/png", ttl_s=60)
    address = blobs.presigned(key, life_s=90, content_type="image/webp", file_name="inlay-0.webp")
    if address is None:
        assert not isinstance(blobs, FileBlobStore) or s3.address not in str(blobs.root)
        return
    url = httpx.URL(address)
    assert url.params["X-Amz-Expires"] == "90"
    assert url.params["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    fetched = httpx.get(url, trust_env=False)
    assert (fetched.content, fetched.headers["content-type"]) == (WEBP, "image/webp")
    assert fetched.headers["content-disposition"] == 'inline; filename="inlay-0.webp"'


def test_folder_that_is_away_is_told_from_a_blob_that_is_missing(folder: BlobStore, tmp_path: Path) -> None:
    kept, missing = keys.blob(JOB, "image"), keys.blob(JOB, "mask")
    folder.put(kept, PNG, "image/png", ttl_s=60)
    (tmp_path / "pictures").rename(tmp_path / "unmounted")
    for ask in (folder.check, lambda: folder.get(kept), lambda: folder.put(missing, PNG, "image/png", ttl_s=60)):
        with pytest.raises(BlobsAway):
            ask()
    folder.delete([kept])  # is left to the sweep
    (tmp_path / "unmounted").rename(tmp_path / "pictures")
    assert folder.get(kept).data == PNG
    with pytest.raises(BlobMissing):
        folder.get(missing)


def test_folder_keeps_nothing_of_a_job_without_blobs_and_lets_nobody_else_in(folder: BlobStore, tmp_path: Path) -> None:
    names = [keys.blob(JOB, "image"), keys.blob(JOB, "mask")]
    for key in names:
        folder.put(key, PNG, "image/png", ttl_s=60)
    assert (tmp_path / "pictures" / JOB).stat().st_mode & 0o077 == 0
    folder.delete(names[:1])
    assert [path.name for path in (tmp_path / "pictures").glob("*/*")] == ["mask"]
    folder.delete(names[1:])
    assert list((tmp_path / "pictures").iterdir()) == []


def test_folder_on_a_full_disk_is_short(tmp_path: Path) -> None:
    assert FolderBlobStore(MemoryFileSystem(), str(tmp_path), short_share=1.0).is_short()
    assert not FolderBlobStore(MemoryFileSystem(), str(tmp_path), short_share=0.0).is_short()


@pytest.mark.slow
def test_s3_that_is_away_is_told_from_a_blob_that_is_missing(redis: RedisClient, settings: Settings) -> None:
    with S3Server() as server:
        blobs = open_blobs(settings.model_copy(update={"blobs_url": server.url}), redis)
        blobs.put(keys.blob(JOB, "image"), PNG, "image/png", ttl_s=60)
        server.stop()
        for ask in (blobs.check, lambda: blobs.get(keys.blob(JOB, "image"))):
            with pytest.raises(BlobsAway):
                ask()
        blobs.delete([keys.blob(JOB, "image")])
        server.start()
        blobs.check()
    bucketless = open_blobs(settings.model_copy(update={"blobs_url": "s3://no-such-bucket"}), redis)
    with pytest.raises(BlobsAway):
        bucketless.get(keys.blob(JOB, "image"))


def test_sweep_removes_blobs_without_a_job_and_nothing_else(
    redis: RedisClient, store: JobStore, new_record: NewRecord, s3: S3Server, tmp_path: Path, settings: Settings
) -> None:
    for url in (f"file://{tmp_path}/pictures", f"{s3.url}/sweep"):
        blobs = open_blobs(settings.model_copy(update={"blobs_url": url}), redis)
        for job_id in (JOB, OTHER):
            blobs.put(keys.blob(job_id, "result-0"), PNG, "image/png", ttl_s=60)
            blobs.put(keys.blob(job_id, "image"), PNG, "image/png", ttl_s=60)
        store.create(new_record(OTHER))
        BlobSweep(redis, blobs, interval_s=0.001).sweep()
        assert blobs.get(keys.blob(JOB, "image")).data == PNG, "its job may be about to be recorded"
        time.sleep(1.1)  # S3 tells times in whole seconds
        BlobSweep(redis, blobs, interval_s=0.001, grace_s=0.0).sweep()
        for name in ("image", "result-0"):
            assert blobs.get(keys.blob(OTHER, name)).data == PNG
            with pytest.raises(BlobMissing):
                blobs.get(keys.blob(JOB, name))
        store.delete(OTHER)
        redis.set(keys.BLOB_SWEEP_LOCK, 1, ex=60)
        BlobSweep(redis, blobs, interval_s=60, grace_s=0.0).sweep()
        assert blobs.get(keys.blob(OTHER, "image")).data == PNG, "another worker has just looked"
        redis.delete(keys.BLOB_SWEEP_LOCK)


def test_sweep_leaves_alone_what_is_not_ours(redis: RedisClient, folder: BlobStore, tmp_path: Path) -> None:
    old = time.time() - 2 * GRACE_S
    foreign = [tmp_path / "pictures" / "holidays" / "beach.jpg", tmp_path / "pictures" / "notes"]
    foreign[0].parent.mkdir()
    for path in foreign:
        path.write_bytes(JPEG)
        os.utime(path, (old, old))
    folder.put(keys.blob(JOB, "image"), PNG, "image/png", ttl_s=60)
    os.utime(tmp_path / "pictures" / JOB / "image", (old, old))
    BlobSweep(redis, folder, interval_s=60).sweep()
    assert sorted(path for path in (tmp_path / "pictures").rglob("*") if path.is_file()) == foreign


def test_sweep_has_nothing_to_do_in_redis(redis: RedisClient, settings: Settings) -> None:
    blobs = open_blobs(settings, redis)
    blobs.put(keys.blob(JOB, "image"), PNG, "image/png", ttl_s=60)
    BlobSweep(redis, blobs, interval_s=60, grace_s=0.0).sweep()
    assert 0 < redis.ttl(keys.blob(JOB, "image")) <= 60


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memory://pictures", "one process"),
        ("pictures", "is no place"),
        ("s3://", "is no place"),
        ("file://pictures", "absolute"),
        ("carrier-pigeon://loft", "carrier-pigeon"),
        ("file:///proc/nowhere", "cannot be used"),
    ],
)
def test_address_that_means_nothing_is_refused(url: str, said: str, redis: RedisClient, settings: Settings) -> None:
    with pytest.raises(BlobsUnusable, match=said):
        open_blobs(settings.model_copy(update={"blobs_url": url}), redis)


@pytest.mark.parametrize(("url", "package"), [("s3://bucket", "s3fs"), ("file:///tmp/pictures", "fsspec")])
def test_missing_package_is_named_with_the_way_to_get_it(
    url: str, package: str, redis: RedisClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BlobsUnusable, match=r"pip install 'inlay\[s3\]'"):
        open_blobs(settings.model_copy(update={"blobs_url": url}), redis)
