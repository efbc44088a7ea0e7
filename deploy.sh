#!/usr/bin/env bash
# Test, build, scan, migrate and roll out what is committed here, in Cloud Build (cloudbuild.yaml).
# usage: ./deploy.sh [--dry-run] [ENVIRONMENT]      ENVIRONMENT is production unless named
set -euo pipefail
cd "$(dirname "$0")"
. k8s/environment.sh

DRY_RUN=""
[ "${1:-}" != --dry-run ] || { DRY_RUN=yes; shift; }
environment=${1:-production}
[ $# -le 1 ] && [ -f "k8s/overlays/$environment/kustomization.yaml" ] ||
  die "usage: ./deploy.sh [--dry-run] [ENVIRONMENT]. Environments are in k8s/overlays."
need_tools git gcloud kubectl
need_values PROJECT_ID REGION CLUSTER PUBLIC_HOST BUCKET SQL_INSTANCE
[ -z "$(git status --porcelain)" ] || die "There are changes that are not committed: nobody could tell what runs. Commit or stash them."
need_project

tag=latest-$(date +%s)
commit=$(git rev-parse --short=12 HEAD)
# A fault in the manifests or in a value shows here, and not after half an hour of tests.
k8s/render.sh "$environment" "$REGION-docker.pkg.dev/$PROJECT_ID/pacs/pacs-portal:$tag" >/dev/null
run gcloud builds submit --project="$PROJECT_ID" --region="$REGION" --config=cloudbuild.yaml \
  --service-account="projects/$PROJECT_ID/serviceAccounts/pacs-build@$PROJECT_ID.iam.gserviceaccount.com" \
  --substitutions="_ENVIRONMENT=$environment,_TAG=$tag,_COMMIT=$commit,_REGION=$REGION,_CLUSTER=$CLUSTER,_PUBLIC_HOST=$PUBLIC_HOST,_BUCKET=$BUCKET,_SQL_INSTANCE=$SQL_INSTANCE" .
echo "$environment: $tag of commit $commit. Back to an earlier one: ./rollback.sh TAG"
