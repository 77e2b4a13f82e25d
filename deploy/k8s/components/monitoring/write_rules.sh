#!/bin/sh
# Prints rules.yaml: the rules of deploy/prometheus in one object of the Prometheus operator. After a change there:
#   deploy/k8s/components/monitoring/write_rules.sh >deploy/k8s/components/monitoring/rules.yaml
set -eu
rules=$(dirname "$0")/../../../prometheus/rules
cat <<'HEAD'
# Written by write_rules.sh from deploy/prometheus/rules: change them there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: inlay
spec:
  groups:
HEAD
for name in recording alerts; do
  sed -e '1,/^groups:$/d' -e 's/^./  &/' "$rules/$name.yml"
  test "$name" = alerts || echo
done
