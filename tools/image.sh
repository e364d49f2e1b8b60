#!/usr/bin/env bash
# `./dev image`: builds the Dockerfile, starts the image and waits for its health check, all without
# a daemon or a registry: buildah works in chroots, on a bare Debian 12 made here. Nothing is kept.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/lib.sh
source tools/lib.sh
# shellcheck source=tools/debian.sh
source tools/debian.sh

need_root image
install_packages check
work=$(mktemp -d)
storage=(--storage-driver vfs --root "$work/storage" --runroot "$work/run")

cleanup() {
  buildah "${storage[@]}" rm --all >/dev/null 2>&1 || true  # Unmounts what it has mounted.
  remove_root "$work"
}
trap cleanup EXIT

# import_base NAME: a Debian root as an image, for the FROM lines.
import_base() {
  local container
  make_debian_root "$work/base"
  container=$(buildah "${storage[@]}" from scratch)
  buildah "${storage[@]}" add --quiet "$container" "$work/base" / >/dev/null
  buildah "${storage[@]}" commit --quiet --rm "$container" "$1" >/dev/null
  remove_root "$work/base"
}

# from_configuration FIELD: an array of the image's configuration, quoted for a shell.
from_configuration() {
  buildah "${storage[@]}" inspect --type image tidemark | /usr/bin/python3 -c '
import json, shlex, sys
value = json.load(sys.stdin)["Docker"]["config"]
for name in sys.argv[1].split("."):
    value = value[name]
print(shlex.join(word for word in value if word != "CMD"))' "$1"
}

say "importing a bare Debian 12"
import_base localhost/debian-base
say "building the Dockerfile"
# The format of Docker: OCI's has no health checks.
buildah "${storage[@]}" build --isolation chroot --format docker --layers=false --pull-never \
  --build-arg BASE=localhost/debian-base --tag tidemark .

entrypoint=$(from_configuration Entrypoint)
healthcheck=$(from_configuration Healthcheck.Test)
say "starting: $entrypoint"
say "health check: $healthcheck"
container=$(buildah "${storage[@]}" from --pull-never tidemark)
# As the image's user, on its volume, in a network of its own: its ports are free there.
unshare --net sh -c 'ip link set lo up && exec "$@"' sh \
  buildah "${storage[@]}" run --isolation chroot "$container" -- \
  sh -c "$(cat tools/image-inside.sh)" image-inside "$entrypoint" "$healthcheck"
say "image: built, healthy, stopped cleanly"
