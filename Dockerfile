# syntax=docker/dockerfile:1.7
# Two images from one file:
#   docker build --target api    -t inlay-api .      small, no torch
#   docker build --target worker -t inlay-worker .   torch; its wheels bring the CUDA libraries, the host the driver
# For a worker without a GPU, pass the address of PyTorch's CPU wheel index (see pytorch.org, "Get started"):
#   docker build --target worker --build-arg TORCH_INDEX_URL=… -t inlay-worker-cpu .
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS base
ENV PATH=/opt/venv/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN groupadd --system --gid 10001 inlay \
    && useradd --system --uid 10001 --gid inlay --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin inlay
WORKDIR /srv/inlay

FROM base AS builder
COPY requirements.lock ./
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install "$(grep '^setuptools==' requirements.lock)"

FROM builder AS api-packages
COPY requirements-api.lock ./
# --no-deps: the lock names everything; a package that it lacks is an error of the lock, not to be fetched silently.
RUN /opt/venv/bin/pip install --no-deps -r requirements-api.lock
COPY pyproject.toml README.md LICENSE ./
COPY inlay ./inlay
COPY jobs ./jobs
COPY app ./app
RUN /opt/venv/bin/pip install --no-deps --no-build-isolation . \
    && /opt/venv/bin/pip check

FROM builder AS worker-packages
ARG TORCH_INDEX_URL=""
COPY requirements-worker.lock ./
# With dependencies: torch pins the CUDA libraries that fit its build, which the lock cannot know.
RUN /opt/venv/bin/pip install ${TORCH_INDEX_URL:+--extra-index-url "$TORCH_INDEX_URL"} -r requirements-worker.lock
COPY pyproject.toml README.md LICENSE ./
COPY sampler ./sampler
COPY inlay ./inlay
COPY jobs ./jobs
COPY worker ./worker
RUN /opt/venv/bin/pip install --no-deps --no-build-isolation . \
    && /opt/venv/bin/pip check

FROM base AS worker
# Hub models are kept here between restarts; mount a volume. Writable by the user, also when the rest is read-only.
ENV HF_HOME=/var/cache/inlay \
    INLAY_HEALTH_FILE=/tmp/inlay-worker.json \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA_VISIBLE_DEVICES=all
RUN install -d -o inlay -g inlay /var/cache/inlay
# INLAY_COMPILE=true needs a C compiler at run time: install gcc and libc6-dev here, and let TORCHINDUCTOR_CACHE_DIR and
# TRITON_CACHE_DIR lead to folders in /var/cache/inlay, since nothing in a container's tmpfs may be executed.
COPY --from=worker-packages /opt/venv /opt/venv
COPY models ./models
USER 10001:10001
STOPSIGNAL SIGTERM
# Longer than it takes to load a model from the hub; who stands still for 20 s after that is ill, who works hard is not.
HEALTHCHECK --interval=15s --timeout=10s --start-period=30m --retries=3 CMD ["python", "-m", "worker.health"]
CMD ["python", "-m", "worker"]

# Last, so that `docker build .` makes the small one.
FROM base AS api
COPY --from=api-packages /opt/venv /opt/venv
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["python", "-m", "app", "--host", "0.0.0.0", "--port", "8000"]
