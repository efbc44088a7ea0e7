#!/usr/bin/env bash
# Make the secrets of an environment in Secret Manager, those that are not there yet; or rotate one without an
# interruption. No secret is printed or stands in an argument.
# usage: k8s/secrets.sh create | set-database-passwords | rotate-secret-key | rotate-database-password |
#        switch-database-user | rotate-signing-key
set -euo pipefail
cd "$(dirname "$0")/.."
. k8s/environment.sh
need_tools gcloud openssl
need_values PROJECT_ID

random() { openssl rand -hex 32 | tr -d '\n'; }
has() { gcloud secrets describe "$1" --project="$PROJECT_ID" >/dev/null 2>&1; }
read_secret() { gcloud secrets versions access latest --secret="$1" --project="$PROJECT_ID"; }

# The new version comes by standard input.
write_secret() {
  has "$1" || gcloud secrets create "$1" --project="$PROJECT_ID" --replication-policy=automatic
  gcloud secrets versions add "$1" --project="$PROJECT_ID" --data-file=-
}

new_key() { openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072; }

make() { has "$1" || random | write_secret "$1"; }

# Whom the pooler lets in. The two users have the same rights, and the portal comes as one of them.
write_pooler_users() {
  local one two admin
  one=$(read_secret pacs-password-1) two=$(read_secret pacs-password-2) admin=$(read_secret pacs-pooler-password)
  ONE=$one TWO=$two ADMIN=$admin awk '
    /^admin_password/ { print "admin_password = \"" ENVIRON["ADMIN"] "\""; next }
    /^servers/ { print "servers = [[\"127.0.0.1\", 5432, \"primary\"]]"; next }
    /^username = "pacs"/ { print "username = \"pacs_1\""; next }
    /^password = / { print "password = \"" ENVIRON["ONE"] "\""; next }
    { print }
    /^statement_timeout/ {
      print "\n[pools.pacs.users.1]\nusername = \"pacs_2\"\npassword = \"" ENVIRON["TWO"] "\""
      print "pool_size = 10\nstatement_timeout = 0"
    }' k8s/pgcat.toml | write_secret pacs-pgcat-toml
  printf '"pacs_1" "%s"\n"pacs_2" "%s"\n' "$one" "$two" | write_secret pacs-pgbouncer-users
}

write_database_url() {
  printf 'postgres://%s:%s@pooler:6432/pacs' "$1" "$(read_secret "pacs-password-${1#pacs_}")" |
    write_secret pacs-database-url
}

other_user() {
  local url
  url=$(read_secret pacs-database-url)
  [[ $url == *//pacs_1:* ]] && echo pacs_2 || echo pacs_1
}

create() {
  local name
  for name in secret-key secret-key-fallbacks password-1 password-2 owner-password pooler-password; do
    make "pacs-$name"
  done
  # The other keys begin with the one that will sign next: everybody believes it before.
  has pacs-jwt-private-key || new_key | write_secret pacs-jwt-private-key
  has pacs-jwt-other-keys || new_key | write_secret pacs-jwt-other-keys
  has pacs-pgcat-toml || write_pooler_users
  has pacs-database-url || write_database_url pacs_1
  has pacs-owner-database-url ||
    printf 'postgres://pacs_owner:%s@127.0.0.1:5432/pacs' "$(read_secret pacs-owner-password)" |
    write_secret pacs-owner-database-url
}

rotate_secret_key() {
  read_secret pacs-secret-key | write_secret pacs-secret-key-fallbacks
  random | write_secret pacs-secret-key
}

rotate_signing_key() {
  local former next
  former=$(read_secret pacs-jwt-private-key) next=$(read_secret pacs-jwt-other-keys | sed '/^-----END/q')
  { new_key && printf '%s\n' "$former"; } | write_secret pacs-jwt-other-keys
  printf '%s\n' "$next" | write_secret pacs-jwt-private-key
}

# The user whom the portal does not use now gets a new password, in the database and at the pooler.
rotate_database_password() {
  local next
  next=$(other_user)
  random | write_secret "pacs-password-${next#pacs_}"
  read_secret "pacs-password-${next#pacs_}" | set_password "$next"
  write_pooler_users
}

set_password() {
  # gcloud takes a password from the terminal or as an argument; a file of flags keeps it from the list of processes.
  local flags
  flags=$(mktemp)
  printf -- '--password: %s\n' "$(cat)" >"$flags"
  gcloud sql users set-password "$1" --project="$PROJECT_ID" --instance="${SQL_INSTANCE##*:}" --flags-file="$flags" ||
    { rm -f "$flags"; return 1; }
  rm -f "$flags"
}

set_database_passwords() {
  read_secret pacs-password-1 | set_password pacs_1
  read_secret pacs-password-2 | set_password pacs_2
  read_secret pacs-owner-password | set_password pacs_owner
}

case ${1:-} in
create) create ;;
rotate-secret-key) rotate_secret_key ;;
rotate-signing-key) rotate_signing_key ;;
set-database-passwords | rotate-database-password)
  need_values SQL_INSTANCE
  "${1//-/_}"
  ;;
switch-database-user) write_database_url "$(other_user)" ;;
*) die "usage: k8s/secrets.sh create | set-database-passwords | rotate-secret-key | rotate-database-password | switch-database-user | rotate-signing-key" ;;
esac
