"""Blobs in S3, or in anything that speaks its protocol."""

from __future__ import annotations

from typing import Any

from jobs.blobs.in_files import FileBlobStore, reaching

_CONFIG = {
    "signature_version": "s3v4",
    "connect_timeout": 3,
    "read_timeout": 20,
    "retries": {"max_attempts": 2, "mode": "standard"},
    # Checksums that Amazon adds by itself are not understood by all that call themselves compatible.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}


class S3BlobStore(FileBlobStore):
    """`root` is the bucket and perhaps a prefix. Address, region and credentials come from the usual AWS variables."""

    def __init__(self, root: str) -> None:
        """Connects to nothing yet. Raises `ImportError` without s3fs."""
        import s3fs

        self._s3: Any = s3fs.S3FileSystem(
            config_kwargs=_CONFIG, max_concurrency=1, use_listings_cache=False, skip_instance_cache=True
        )
        self._s3.retries = 1  # the client below has tried again already; a store that is away should be known as such
        super().__init__(self._s3, root)

    def check(self) -> None:
        """Raises `BlobsAway` if the bucket is not there or not to be seen with these credentials."""
        with reaching():
            self._s3.call_s3("head_bucket", Bucket=self.root.partition("/")[0])

    def presigned(self, key: str, *, life_s: int, content_type: str, file_name: str) -> str | None:
        """An address that whoever has it may fetch the picture from, for `life_s` seconds. Raises `BlobsAway`."""
        with reaching():
            address: str = self._s3.sign(
                self._path(key),
                expiration=life_s,
                ResponseContentType=content_type,
                ResponseContentDisposition=f'inline; filename="{file_name}"',
            )
            return address

    def _write(self, path: str, data: bytes, content_type: str) -> None:
        self._files.pipe_file(path, data, ContentType=content_type)
