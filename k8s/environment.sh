# shellcheck shell=bash
# What the scripts of delivery share; they source it.

die() {
  echo "$*" >&2
  exit 1
}

# In a dry run a command is only shown.
run() {
  if [ -n "${DRY_RUN:-}" ]; then
    printf '%q ' "$@"
    echo
  else
    "$@"
  fi
}

need_tools() {
  local tool
  for tool; do
    command -v "$tool" >/dev/null || die "$tool is not installed. Install it and run this again."
  done
}

# Take each name from the environment, or else from .env here or in the parent directory. Only these names:
# the file holds more, and it is not a script.
need_values() {
  local file name value
  for name; do
    for file in .env ../.env; do
      [ -z "${!name:-}" ] && [ -f "$file" ] || continue
      value=$(sed -n "s/^$name=//p" "$file" | tail -n 1)
      printf -v "$name" %s "$value"
    done
    [ -n "${!name:-}" ] || die "$name is not set. Set it, or write it into .env here or in the parent directory; .env.example tells what it is."
    [[ ${!name} =~ ^[A-Za-z0-9._:/@-]+$ ]] || die "$name has a character that no such name has."
    export "${name?}"
  done
}

need_project() {
  [ -n "$(gcloud auth list --filter=status:ACTIVE --format='value(account)')" ] ||
    die "Nobody is signed in. Run: gcloud auth login"
  gcloud projects describe "$PROJECT_ID" --format='value(projectId)' >/dev/null ||
    die "There is no project $PROJECT_ID, or you may not see it."
}
