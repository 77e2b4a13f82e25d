#!/usr/bin/env bash
# Builds an image of the Dockerfile where neither a container engine nor a registry is to be had: the base comes from
# Debian packages (mmdebstrap), buildah runs the steps in a chroot. As root, with both installed:
#   deploy/build_from_packages.sh api [FOLDER]      the image is inlay-api in FOLDER's storage; BASE=… names a base made before
# pip's settings and the certificates of this machine are lent to the build and do not stay in the image.
set -euo pipefail
cd "$(dirname "$0")/.."
target="$1"
folder="${2:-$(mktemp -d)}"
base="${BASE:-$folder/base.tar}"
buildah=(buildah --root "$folder/storage" --runroot "$folder/run" --storage-driver vfs)

if [ ! -s "$base" ]; then
  # Debian 13: Python 3.11.2, which 12 has, needs a package that the lock, made with a later 3.11, does not name.
  mmdebstrap --variant=minbase --include=python3,python3-venv,python-is-python3,ca-certificates,adduser trixie "$base"
fi
if ! "${buildah[@]}" inspect --type image localhost/python:packages >/dev/null 2>&1; then
  container=$("${buildah[@]}" from scratch)
  "${buildah[@]}" add --quiet "$container" "$base" / >/dev/null
  "${buildah[@]}" commit --quiet --rm "$container" localhost/python:packages >/dev/null
fi
lent=(--volume /etc/ssl/certs:/etc/ssl/certs:ro)
for place in /etc/pip.conf /etc/hosts /opt/wheels; do
  if [ -e "$place" ]; then lent+=(--volume "$place:$place:ro"); fi
done
"${buildah[@]}" build --isolation chroot --pull-never --format docker --target "$target" \
  --build-arg PYTHON_IMAGE=localhost/python:packages "${lent[@]}" --tag "inlay-$target" .
