"""All settings of the service: one class, read once at start, passed as a value."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, FilePath, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from jobs.origins import read_origins
from jobs.webhook_secrets import read_secret


class Settings(BaseSettings):
    """Read from the environment, prefix `INLAY_`; `docs/settings.md` lists them all."""

    model_config = SettingsConfigDict(env_prefix="INLAY_", frozen=True, extra="ignore", hide_input_in_errors=True)

    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        description="Redis to work on: `redis://`, `rediss://` (TLS), `unix://` or "
        "`redis+sentinel://host:port,host:port/NAME`, with its password if it has one.",
    )
    redis_password_file: FilePath | None = Field(
        None, description="File with Redis's password, where `INLAY_REDIS_URL` has none: kept out of the environment."
    )
    redis_timeout_s: float = Field(
        3.0, ge=2, description="Seconds before a Redis command that hangs counts as failed; workers wait 1 s for jobs."
    )
    queue_name: str = Field("inlay", pattern=r"^[a-z0-9_-]{1,64}$", description="Name of the RQ queue.")
    max_queue_depth: int = Field(1000, ge=1, description="Jobs that may wait; further ones are refused.")
    max_queue_bytes: int = Field(
        2**30,
        ge=0,
        description="Bytes that pictures of unfinished jobs may take; further ones are refused; 0: no bound.",
    )
    job_ttl_s: int = Field(7 * 86400, ge=60, description="Seconds that an unfinished job and its uploads are kept.")
    result_ttl_s: int = Field(86400, ge=1, description="Seconds that a finished job and its results are kept.")
    tombstone_ttl_s: int = Field(
        14 * 86400, ge=1, description="Seconds after submission in which an expired job is told from an unknown one."
    )
    blobs_url: str = Field(
        "redis",
        description="Where pictures are kept: `redis`, a folder that API and workers share (`file:///folder`), S3 "
        "(`s3://bucket/prefix`), or another address that fsspec knows. All but `redis` need the extra `s3`.",
    )
    blobs_sweep_s: float = Field(
        600.0, gt=0, description="Seconds between searches, in a folder or S3, for pictures whose job has expired."
    )
    presigned_ttl_s: int | None = Field(
        None,
        ge=1,
        le=7 * 86400,
        description="Seconds that addresses of results in S3 are good for, to which clients are then sent; unset, "
        "the API hands on the bytes.",
    )
    openai_wait_s: float = Field(
        300.0, gt=0, le=3600, description="Seconds that the routes for OpenAI's client wait for their job."
    )
    max_upload_bytes: int = Field(20 * 2**20, ge=1024, description="Largest accepted upload in bytes.")
    max_pixels: int = Field(40_000_000, ge=4096, description="Largest accepted picture in pixels.")
    max_decompression_ratio: int = Field(
        500, ge=10, description="Largest ratio of unpacked to packed bytes of a picture that unpacks to over 32 MiB."
    )
    max_inflight_bytes: int = Field(
        256 * 2**20, ge=2**20, description="Bytes of request bodies that one API process takes in at the same time."
    )
    max_inflight_submissions: int = Field(
        128, ge=1, description="Submissions that one API process checks and stores at the same time; others get a 503."
    )
    head_timeout_s: float = Field(
        10.0, gt=0, description="Seconds in which the head of a request must have arrived, its headers included."
    )
    body_timeout_s: float = Field(60.0, gt=0, description="Seconds in which a request body must have arrived.")
    decode_threads: int = Field(2, ge=1, description="Uploads that one API process decodes at the same time.")
    worker_grace_s: float = Field(
        60.0, ge=0, description="Seconds without any worker after which new jobs are refused with `no_worker`."
    )
    page: bool = Field(True, description="Serve the web page at `/`.")

    cors_origins: str | None = Field(
        None, description="Origins (`https://host`), separated by spaces, whose pages may call the API; `*` for all."
    )
    api_keys_file: Path | None = Field(
        None, description="File of API keys, one `name:sha256:…` a line; unset, everybody is the same caller."
    )
    allow_anonymous: bool = Field(
        False, description="Listen on other addresses than loopback although there are no API keys."
    )
    allowed_hosts: str | None = Field(
        None,
        pattern=r"^([\s*\w.-]|[0-9a-fA-F]*(:[0-9a-fA-F.]*){2,})*$",
        description="Names of the service beside loopback, separated by spaces, without ports; `*` for all. Without "
        "API keys no other `Host` is served; unset, any is if `INLAY_ALLOW_ANONYMOUS` is set.",
    )
    idempotency_ttl_s: int = Field(
        86400, ge=1, description="Seconds after submission in which its `Idempotency-Key` stands for the same job."
    )
    rate_limit_jobs: int = Field(
        120, ge=1, le=100_000, description="Submissions that one API key may send within `INLAY_RATE_WINDOW_S`."
    )
    rate_window_s: int = Field(60, ge=1, le=86400, description="Seconds over which submissions are counted.")
    max_active_jobs: int = Field(
        100, ge=1, le=10_000, description="Jobs of one API key that may be queued or running at the same time."
    )

    webhook_secret: SecretStr | None = Field(
        None,
        description="Signs webhooks where there are no API keys: `whsec_…`; unset, `webhook_url` is refused there.",
    )
    webhook_timeout_s: float = Field(10.0, gt=0, le=60, description="Seconds that one delivery of a webhook may take.")
    webhook_retry_s: float = Field(
        5.0, gt=0, description="Seconds before a webhook is delivered again; doubled each time, up to 15 minutes."
    )
    webhook_give_up_s: int = Field(7200, ge=1, description="Seconds after which an undelivered webhook is given up.")
    webhook_concurrency: int = Field(
        16,
        ge=1,
        le=256,
        description="Webhooks that one API process delivers at once; a quarter of them to one receiver.",
    )
    url_inputs: bool = Field(False, description="Fetch pictures from `image_url`, `mask_url` and `reference_url`.")
    url_timeout_s: float = Field(10.0, gt=0, le=60, description="Seconds in which a picture must have been fetched.")
    allow_http_urls: bool = Field(False, description="Call `http://` URLs that clients give, not only `https://` ones.")
    allow_any_port: bool = Field(False, description="Call any port of URLs that clients give, not only 80 and 443.")
    allow_private_addresses: bool = Field(
        False, description="Call URLs of clients that lead to loopback or private networks; the service's own included."
    )

    model: str = Field(
        "models/scenes-128",
        description="The model to serve: a folder in diffusers format, or a hub id. "
        "A relative folder is looked for in the working directory, then beside the installed packages.",
    )
    model_revision: str | None = Field(None, description="Branch, tag or commit of a model from the hub.")
    style_model: str | None = Field(
        None,
        description="A CLIP whose vision tower sees styles, for the task `style`: a folder or a hub id. "
        "Unset, a classifier in the folder `judge` beside the model's folder does it, if there is one.",
    )
    device: str = Field("auto", description="`auto` (a GPU if there is one), `cpu`, `cuda`, `cuda:1`, …")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Precision of the network; `auto` is float16 on a GPU and float32 on a CPU."
    )
    compile: bool = Field(False, description="Compile the UNet with torch.compile during warm-up.")
    threads: int | None = Field(None, ge=1, description="Threads of the network on a CPU; unset is one per core.")
    max_batch: int = Field(8, ge=1, le=64, description="Pictures that a worker samples at once, newcomers' aside.")
    finishing_threads: int = Field(2, ge=1, description="Threads that read uploads and write results.")

    progress_interval_s: float = Field(
        0.5, ge=0, description="Seconds between two `progress` events of a job, at least; so also between its previews."
    )
    heartbeat_interval_s: float = Field(1.0, gt=0, description="Seconds between a worker's signs of life.")
    worker_ttl_s: float = Field(5.0, gt=0, description="Seconds without a sign of life after which a worker is dead.")
    recovery_interval_s: float = Field(1.0, gt=0, description="Seconds between searches for abandoned jobs.")
    recovery_grace_s: float = Field(
        3.0, ge=0, description="Seconds that a job may be accepted but not on the queue before it is put there again."
    )
    stall_timeout_s: float = Field(
        120.0,
        gt=0,
        description="Seconds that one network call may take before the worker counts as hung and exits; "
        "ten times the slowest call so far, where that is more.",
    )
    drain_grace_s: float = Field(
        25.0, ge=0, description="Seconds that a worker may take after SIGTERM to finish; the rest is given back."
    )
    health_file: Path | None = Field(
        None, description="File that a worker writes with every sign of life, for `python -m worker.health`."
    )
    max_attempts: int = Field(3, ge=1, description="Workers that may die on a job before it fails as `poison_job`.")

    metrics: Literal["off", "key", "open"] = Field(
        "key",
        description="Who may read `/metrics` of the API: `off` nobody, `key` who has an API key (where there are none, "
        "everybody), `open` everybody.",
    )
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Port on which a worker serves its own `/metrics`; unset, on none."
    )
    metrics_host: str = Field("127.0.0.1", description="Address on which a worker serves its own `/metrics`.")
    tracing: bool = Field(
        False,
        description="Send traces over OTLP (extra `otel`); the standard variables `OTEL_EXPORTER_OTLP_…` say where to.",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severity logged.")
    log_format: Literal["console", "json"] = Field("console", description="Readable lines, or one JSON object a line.")

    @field_validator(
        "redis_password_file", "api_keys_file", "webhook_secret", "health_file", "metrics_port", mode="before"
    )
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return value or None  # compose hands on what is not set as an empty text

    @field_validator("webhook_secret")
    @classmethod
    def _can_sign(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            read_secret(secret.get_secret_value())
        return secret

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: str | None) -> str | None:
        read_origins(origins or "")
        return origins

    @model_validator(mode="after")
    def _heartbeats_fit(self) -> Settings:
        if self.worker_ttl_s < 2 * self.heartbeat_interval_s:
            raise ValueError("worker_ttl_s must be at least twice heartbeat_interval_s")
        if self.worker_ttl_s <= self.redis_timeout_s + self.heartbeat_interval_s:
            raise ValueError("worker_ttl_s must be more than redis_timeout_s + heartbeat_interval_s")
        return self
