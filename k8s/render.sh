#!/usr/bin/env bash
# Print the manifests of an environment with its values and an image filled in.
# usage: PROJECT_ID=… REGION=… PUBLIC_HOST=… BUCKET=… SQL_INSTANCE=… k8s/render.sh ENVIRONMENT IMAGE
set -euo pipefail
cd "$(dirname "$0")/.."
. k8s/environment.sh

[ $# = 2 ] || die "usage: k8s/render.sh ENVIRONMENT IMAGE"
[ -f "k8s/overlays/$1/kustomization.yaml" ] || die "There is no environment $1 in k8s/overlays."
IMAGE=$2
[[ $IMAGE =~ (@sha256:[0-9a-f]{64}|:latest-[0-9]+)$ ]] ||
  die "An image is named by its digest or by its tag latest-<unix time>, not $IMAGE."
need_tools kubectl
need_values IMAGE PROJECT_ID REGION PUBLIC_HOST BUCKET SQL_INSTANCE

manifests=$(kubectl kustomize "k8s/overlays/$1")
for name in IMAGE PROJECT_ID REGION PUBLIC_HOST BUCKET SQL_INSTANCE; do
  manifests=${manifests//"\${$name}"/"${!name}"}
done
printf '%s\n' "$manifests"
