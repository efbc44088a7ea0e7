#!/usr/bin/env bash
# Bring an earlier image back. Its migrations are not undone: a release works with the schema of the next one.
# usage: ./rollback.sh [--dry-run] TAG [ENVIRONMENT]      ENVIRONMENT is production unless named
set -euo pipefail
cd "$(dirname "$0")"
. k8s/environment.sh

DRY_RUN=""
[ "${1:-}" != --dry-run ] || { DRY_RUN=yes; shift; }
[[ ${1:-} =~ ^latest-[0-9]+$ ]] && [ $# -le 2 ] || die "usage: ./rollback.sh [--dry-run] TAG [ENVIRONMENT]. A TAG is latest-<unix time>."
tag=$1 environment=${2:-production}
need_tools gcloud kubectl
need_values PROJECT_ID REGION CLUSTER PUBLIC_HOST BUCKET SQL_INSTANCE
need_project

image=$REGION-docker.pkg.dev/$PROJECT_ID/pacs/pacs-portal
digest=$(gcloud artifacts docker images describe "$image:$tag" --format='value(image_summary.digest)') ||
  die "There is no $tag. These are: $(gcloud artifacts docker tags list "$image" --format='value(tag)' | tr '\n' ' ')"
run gcloud container clusters get-credentials "$CLUSTER" --region="$REGION" --project="$PROJECT_ID"
run k8s/rollout.sh --no-migrate "$environment" "$image@$digest"
