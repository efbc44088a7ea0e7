#!/usr/bin/env bash
# Bring an image to the cluster that kubectl points at: migrate, roll out, verify, undo on failure.
# usage: k8s/rollout.sh [--no-migrate] ENVIRONMENT IMAGE        (values as render.sh needs them)
set -euo pipefail
cd "$(dirname "$0")/.."
. k8s/environment.sh

migrate=yes
[ "${1:-}" != --no-migrate ] || { migrate=no; shift; }
[ $# = 2 ] || die "usage: k8s/rollout.sh [--no-migrate] ENVIRONMENT IMAGE"
need_tools kubectl curl
need_values PUBLIC_HOST
manifests=$(k8s/render.sh "$1" "$2")
deployments=(pooler pacs-web)

apply() { kubectl apply --selector "$1" -f - <<<"$manifests"; }

revision() {
  kubectl -n pacs get deployment "$1" --ignore-not-found \
    -o 'jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}'
}

# A Job never changes, so the last one goes first. It ends by itself: activeDeadlineSeconds.
run_migrations() {
  local state
  kubectl -n pacs delete job pacs-migrate --ignore-not-found
  apply pacs-portal/stage=gate
  until [[ ${state:-} == *Complete* ]]; do
    [[ ${state:-} != *Failed* ]] || { kubectl -n pacs logs job/pacs-migrate -c migrate || true; return 1; }
    sleep "${POLL_SECONDS:-2}"
    state=$(kubectl -n pacs get job pacs-migrate -o 'jsonpath={.status.conditions[?(@.status=="True")].type}')
  done
}

roll_out() {
  local name
  apply 'pacs-portal/stage!=gate' || return 1
  for name in "${deployments[@]}"; do
    kubectl -n pacs rollout status "deployment/$name" --timeout=5m || return 1
  done
}

# A standby has nothing that could answer.
verify() {
  [ "$1" = disaster-recovery ] ||
    curl -fsS --max-time 5 --retry 10 --retry-delay 3 --retry-all-errors "https://$PUBLIC_HOST/readyz"
}

# Only what this roll-out has changed goes back: the revision before an older change is no way back.
undo() {
  local name
  for name in "${deployments[@]}"; do
    [ -z "${before[$name]}" ] || [ "${before[$name]}" = "$(revision "$name")" ] ||
      kubectl -n pacs rollout undo "deployment/$name" --to-revision="${before[$name]}"
  done
}

# A standby's database only reads: what production migrates comes to it.
[ "$1" != disaster-recovery ] || migrate=no
kubectl apply -f k8s/base/namespace.yaml
[ $migrate = no ] || run_migrations || die "The migrations failed. Nothing else was changed."
declare -A before
for name in "${deployments[@]}"; do before[$name]=$(revision "$name"); done
if ! { roll_out && verify "$1"; }; then
  undo
  die "The roll-out failed and was undone. The schema stays: the release before this one works with it."
fi
echo "$1 runs $2."
