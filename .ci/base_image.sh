#!/usr/bin/env bash
# Builds the stand-in for python:3.11-slim-bookworm that the tests' server image starts from, so
# that they need no image registry: Debian bookworm with CPython 3.11 and pip in /usr/local/bin.
#
#     .ci/base_image.sh        # does nothing when tfdeploy-base:py311 is there already
#
# This machine's certificates are baked in: pip works in a build behind a TLS-inspecting proxy.
set -euo pipefail

tag="${1:-tfdeploy-base:py311}"
bundle="/etc/ssl/certs/ca-certificates.crt"
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

say() { echo "base image: $*" >&2; }

if docker image inspect "$tag" >/dev/null 2>&1; then
    say "$tag is there"
    exit 0
fi
if ! command -v mmdebstrap >/dev/null; then
    command -v apt-get >/dev/null || { say "mmdebstrap is missing"; exit 1; }
    say "installing mmdebstrap"
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        mmdebstrap ca-certificates >/dev/null </dev/null
fi

# A bookworm machine's own mirror is the one that surely answers here.
sources=()
if grep -q '^VERSION_CODENAME=bookworm' /etc/os-release; then
    for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
        [ -s "$file" ] && sources=("$file") && break
    done
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cat >"$work/customize" <<'HOOK'
#!/bin/sh
set -eu
root="$1"
# A virtual environment in /usr/local puts python and pip where the official image has them.
chroot "$root" python3.11 -m venv /usr/local
[ ! -e "$BUNDLE" ] || cp "$BUNDLE" "$root/etc/ssl/certs/ca-certificates.crt"
printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$root/etc/pip.conf"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/*
HOOK
chmod +x "$work/customize"

say "building $tag"
BUNDLE="$bundle" mmdebstrap --quiet --variant=minbase \
    --include=ca-certificates,netbase,tzdata,python3,python3-venv \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="$work/customize" \
    bookworm "$work/base.tar" "${sources[@]}" >&2 </dev/null

docker import \
    --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'ENV LANG=C.UTF-8' \
    --change 'CMD ["python3"]' \
    "$work/base.tar" "$tag" >/dev/null
say "built $tag, $(docker image inspect --format '{{.Size}}' "$tag" | awk '{ printf "%d MB", $1 / 1e6 }')"
