#!/usr/bin/env bash
# Make what an environment stands on: registry, network, Cloud SQL, bucket, identities, secrets, cluster. What is
# there already stays as it is, so that it may be run again after a failure.
# usage: k8s/create_cluster.sh [--dry-run] [--allow ADDRESSES]      --dry-run needs no account and asks for nothing
#        ADDRESSES, such as 192.0.2.0/24, are the only ones that may come to a staging environment.
set -euo pipefail
cd "$(dirname "$0")/.."
. k8s/environment.sh

DRY_RUN="" allowed=""
while [ $# -gt 0 ]; do
  case $1 in
  --dry-run) DRY_RUN=yes ;;
  --allow) allowed=${2:?--allow needs addresses} && shift ;;
  *) die "usage: k8s/create_cluster.sh [--dry-run] [--allow ADDRESSES]" ;;
  esac
  shift
done
need_values PROJECT_ID REGION BUCKET SQL_INSTANCE CLUSTER
instance=${SQL_INSTANCE##*:}
[ "$SQL_INSTANCE" = "$PROJECT_ID:$REGION:$instance" ] || die "SQL_INSTANCE must be $PROJECT_ID:$REGION:<name>."

cat <<'COST'
Estimate, US dollars a month, list prices of us-central1 in 2025; the price calculator has today's:
  cluster management fee                        73
  2 Spot e2-medium + 1 standard, 40 GB HDD each 45
  Cloud SQL, 1 vCPU, 3.75 GB, two zones        105
  load balancer, one rule, little traffic       20
  500 GB of objects in two regions              25
  logs, builds, secrets                         10
  in all about                                 280
COST
if [ -z "$DRY_RUN" ]; then
  need_tools gcloud openssl
  need_project
  gcloud config set project "$PROJECT_ID"
fi

# ensure "DESCRIBE COMMAND" CREATE COMMAND…
ensure() {
  local describe=$1
  shift
  # shellcheck disable=SC2086  # words on purpose
  if [ -z "$DRY_RUN" ] && gcloud $describe >/dev/null 2>&1; then
    echo "There is already: $describe"
  else
    run gcloud "$@"
  fi
}

run gcloud services enable artifactregistry.googleapis.com cloudbuild.googleapis.com compute.googleapis.com \
  container.googleapis.com containerscanning.googleapis.com secretmanager.googleapis.com servicenetworking.googleapis.com \
  sqladmin.googleapis.com

# --- Registry: our images, whose tags never move, and copies of what others publish ---------------
ensure "artifacts repositories describe pacs --location=$REGION" \
  artifacts repositories create pacs --location="$REGION" --repository-format=docker --immutable-tags
for mirror in ghcr=https://ghcr.io docker-hub=https://registry-1.docker.io; do
  ensure "artifacts repositories describe ${mirror%%=*} --location=$REGION" \
    artifacts repositories create "${mirror%%=*}" --location="$REGION" --repository-format=docker \
    --mode=remote-repository --remote-docker-repo="${mirror#*=}"
done

# --- Network: no machine and no database has a public address --------------------------------------
ensure "compute addresses describe pacs-services --global" \
  compute addresses create pacs-services --global --purpose=VPC_PEERING --prefix-length=20 --network=default
run gcloud services vpc-peerings update --service=servicenetworking.googleapis.com --network=default \
  --ranges=pacs-services --force
ensure "compute networks subnets describe default --region=$REGION" \
  compute networks subnets create default --region="$REGION" --network=default --range=10.128.0.0/20
run gcloud compute networks subnets update default --region="$REGION" --enable-private-ip-google-access
ensure "compute addresses describe pacs --global" compute addresses create pacs --global
ensure "compute ssl-policies describe pacs-tls" \
  compute ssl-policies create pacs-tls --profile=RESTRICTED --min-tls-version=1.2
if [ -n "$allowed" ]; then
  ensure "compute security-policies describe pacs-allowed-addresses" \
    compute security-policies create pacs-allowed-addresses
  ensure "compute security-policies rules describe 1000 --security-policy=pacs-allowed-addresses" \
    compute security-policies rules create 1000 --security-policy=pacs-allowed-addresses \
    --src-ip-ranges="$allowed" --action=allow
  run gcloud compute security-policies rules update 2147483647 --security-policy=pacs-allowed-addresses \
    --action=deny-403
fi

# --- PostgreSQL: two zones, backups at 2:00 kept for a year, every moment of the last week ----------
ensure "sql instances describe $instance" \
  sql instances create "$instance" --database-version=POSTGRES_18 --edition=enterprise \
  --tier=db-custom-1-3840 --region="$REGION" --availability-type=REGIONAL --storage-auto-increase \
  --network=default --no-assign-ip --ssl-mode=ENCRYPTED_ONLY --backup-start-time=02:00 \
  --retained-backups-count=365 --enable-point-in-time-recovery --retained-transaction-log-days=7 \
  --deletion-protection
ensure "sql databases describe pacs --instance=$instance" \
  sql databases create pacs --instance="$instance"

# --- Objects: in two regions, copied within 15 minutes, former versions kept -----------------------
ensure "storage buckets describe gs://$BUCKET" \
  storage buckets create "gs://$BUCKET" --location=US --placement=us-central1,us-east1 --recovery-point-objective=ASYNC_TURBO \
  --uniform-bucket-level-access --public-access-prevention
ensure "storage buckets describe gs://$BUCKET-builds" \
  storage buckets create "gs://$BUCKET-builds" --location="$REGION" --uniform-bucket-level-access --public-access-prevention
run gcloud storage buckets update "gs://$BUCKET" --versioning --lifecycle-file=k8s/bucket-lifecycle.json

# --- Identities: each may do what it does -----------------------------------------------------------
grant() {
  run gcloud projects add-iam-policy-binding "$PROJECT_ID" --condition=None --role="$2" \
    --member="serviceAccount:$1@$PROJECT_ID.iam.gserviceaccount.com" --format=none
}
for account in pacs-web pacs-pooler pacs-migrate pacs-build pacs-nodes; do
  ensure "iam service-accounts describe $account@$PROJECT_ID.iam.gserviceaccount.com" \
    iam service-accounts create "$account"
done
grant pacs-pooler roles/cloudsql.client
grant pacs-migrate roles/cloudsql.client
for role in artifactregistry.writer container.developer logging.logWriter storage.objectUser; do
  grant pacs-build "roles/$role"
done
for role in artifactregistry.reader container.defaultNodeServiceAccount; do grant pacs-nodes "roles/$role"; done
run gcloud storage buckets add-iam-policy-binding "gs://$BUCKET" --role=roles/storage.objectUser \
  --member="serviceAccount:pacs-web@$PROJECT_ID.iam.gserviceaccount.com"
for account in web pooler migrate; do
  run gcloud iam service-accounts add-iam-policy-binding "pacs-$account@$PROJECT_ID.iam.gserviceaccount.com" \
    --role=roles/iam.workloadIdentityUser --member="serviceAccount:$PROJECT_ID.svc.id.goog[pacs/pacs-$account]"
done

# --- Secrets ----------------------------------------------------------------------------------------
run k8s/secrets.sh create
allow_secret() {
  run gcloud secrets add-iam-policy-binding "$2" --role=roles/secretmanager.secretAccessor \
    --member="serviceAccount:$1@$PROJECT_ID.iam.gserviceaccount.com"
}
for secret in secret-key secret-key-fallbacks database-url jwt-private-key jwt-other-keys; do allow_secret pacs-web "pacs-$secret"; done
for secret in secret-key owner-database-url; do allow_secret pacs-migrate "pacs-$secret"; done
for secret in pgcat-toml pgbouncer-users; do allow_secret pacs-pooler "pacs-$secret"; done

# --- Cluster: one standard machine, and Spot machines that come and go -------------------------------
machine=(--machine-type=e2-medium --disk-type=pd-standard --disk-size=40
  --service-account="pacs-nodes@$PROJECT_ID.iam.gserviceaccount.com")
ensure "container clusters describe $CLUSTER --region=$REGION" \
  container clusters create "$CLUSTER" --region="$REGION" --node-locations="$REGION-b" --num-nodes=1 "${machine[@]}" \
  --release-channel=regular --enable-dataplane-v2 --enable-ip-alias --enable-private-nodes --enable-shielded-nodes \
  --enable-secret-manager --enable-secret-manager-rotation --secret-manager-rotation-interval=120s \
  --workload-pool="$PROJECT_ID.svc.id.goog"
ensure "container node-pools describe spot --cluster=$CLUSTER --region=$REGION" \
  container node-pools create spot --cluster="$CLUSTER" --region="$REGION" --spot "${machine[@]}" \
  --node-locations="$REGION-b,$REGION-c" --num-nodes=1 --enable-autoscaling --total-min-nodes=2 --total-max-nodes=10 \
  --location-policy=ANY --node-taints=cloud.google.com/gke-spot=true:NoSchedule
run gcloud container clusters get-credentials "$CLUSTER" --region="$REGION"

echo "Now point ${PUBLIC_HOST:-the name} to the address \"pacs\", and go on in docs/operations/environments.md."
