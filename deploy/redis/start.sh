#!/bin/sh
# Redis as the service needs it. One user, who may do what the service does and no more (users.acl), with the password in
# REDIS_PASSWORD_FILE. What is accepted survives a restart (append-only file, synced every second); when memory is full,
# new jobs are refused and nothing is evicted. Further arguments go to redis-server, as those of TLS (docs/security.md).
set -eu
hash=$(tr -d '\r\n' <"${REDIS_PASSWORD_FILE:-/run/inlay/redis-password}" | sha256sum | cut -d ' ' -f 1)
users=${REDIS_SCRATCH:-/tmp}/users.acl
sed "s/PASSWORD_SHA256/$hash/" "$(dirname "$0")/users.acl" >"$users"
exec redis-server \
  --aclfile "$users" \
  --dir "${REDIS_DATA:-/data}" \
  --appendonly yes --appendfsync everysec --save "" \
  --maxmemory "${REDIS_MAXMEMORY:-4gb}" --maxmemory-policy noeviction \
  "$@"
