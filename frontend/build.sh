#!/usr/bin/env bash
# Builds the viewer into studies/static/viewer/ and records which source it was built from.
set -euo pipefail
cd "$(dirname "$0")"

[ -d node_modules ] || npm ci --ignore-scripts --no-audit --no-fund
npm run build

# Read by studies/tests/test_viewer_bundle.py: the digests of the sources in order of their paths.
find src package.json package-lock.json vite.config.js cornerstone-diet.js third-party.js -type f \
  | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d' ' -f1 > ../studies/static/viewer/source.sha256
