#!/bin/sh
# Makes this checkout ready: apt packages for the lab, and everything Python in .venv.
#
#   scripts/bootstrap.sh        what `make quickstart` needs; wants root
#   scripts/bootstrap.sh test   what `make test` needs: Redis and promtool for contract tests as well
#   scripts/bootstrap.sh vm     what VMs in the lab need: qemu as well
#   scripts/bootstrap.sh soak   what `make soak` needs: all of these, and a browser
#   scripts/bootstrap.sh venv   only .venv: enough for `make lint` and `make unit`
#
# Does nothing when nothing is missing, and takes less than a second to find out.
set -eu
cd "$(dirname "$0")/.."

DISK_GB=8
MEMORY_GB=4
# program:package, for each program the lab starts.
TOOLS="systemd-nspawn:systemd-container mmdebstrap:mmdebstrap nft:nftables ip:iproute2
ssh:openssh-client ssh-keygen:openssh-client losetup:mount mount:mount unshare:util-linux
mkfs.ext4:e2fsprogs ps:procps update-ca-certificates:ca-certificates"
TEST_TOOLS="redis-server:redis-server promtool:prometheus"
VM_TOOLS="qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils"

say() { printf 'bootstrap: %s\n' "$1"; }

# stop WHAT NEXT: say what is wrong and what to do about it, and give up.
stop() {
    printf 'bootstrap: %s\n  next: %s\n' "$1" "$2" >&2
    exit 1
}

check_machine() {
    [ "$(uname -s)" = Linux ] ||
        stop "the lab needs Linux; this is $(uname -s)." "run this in a Debian 12 machine or VM."
    command -v apt-get >/dev/null ||
        stop "there is no apt-get: this is not Debian or a relative of it." \
            "use Debian 12, or make the hosts elsewhere and run \`scripts/bootstrap.sh venv\` here."
    [ "$(id -u)" = 0 ] ||
        stop "the lab makes namespaces, mounts and a bridge; this user ($(id -un)) may not." \
            "run the same command as root, for example: sudo make quickstart"
    why=$(unshare --mount --net --pid --fork true 2>&1) ||
        stop "this machine does not let root make namespaces: $why." \
            "run this in a VM or a privileged container."
    memory=$(awk '$1 == "MemTotal:" {print int($2 / 1048576 + 0.5)}' /proc/meminfo)
    [ "$memory" -ge "$MEMORY_GB" ] ||
        stop "the machine has $memory GB of memory; three hosts with Ray need $MEMORY_GB." \
            "use a larger machine."
}

check_disk() {
    free=$(df -Pk . | awk 'NR == 2 {print int($4 / 1048576)}')
    [ "$free" -ge "$DISK_GB" ] ||
        stop "$free GB are free under $PWD; $DISK_GB are needed." "free some space."
}

check_python() {
    command -v python3 >/dev/null ||
        stop "there is no python3." "apt-get install python3 python3-venv"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        stop "$(python3 --version) is too old; 3.11 is the oldest that works." \
            "use Debian 12 or newer."
    python3 -c 'import ensurepip, venv' 2>/dev/null ||
        stop "python3 has no venv module." "apt-get install python3-venv"
}

install_packages() {
    missing=""
    for pair in $TOOLS; do
        command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
    done
    [ -n "$missing" ] || return 0
    missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
    say "installing apt packages: $missing"
    log=$(mktemp)
    # Debian would start the servers that it installs, now and at every boot (policy-rc.d(8)).
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then policy=""; else install -m 755 /dev/stdin "$policy" <<-'END'
		#!/bin/sh
		exit 101
		END
    fi
    if ! { apt-get -q update && DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y install --no-install-recommends $missing; } >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        rm -f "$log" ${policy:+"$policy"}
        stop "apt-get failed; its last lines are above." "mend apt (network, sources), run again."
    fi
    rm -f "$log" ${policy:+"$policy"}
    [ -d /run/systemd/system ] || return 0
    for server in redis-server prometheus; do
        case "$missing" in *$server*) systemctl -q disable "$server.service" ;; esac
    done
}

# Whether .venv holds what these files ask for; sets $stamp.
venv_is_ready() {
    stamp=$(cat pyproject.toml constraints/dev.txt scripts/bootstrap.sh | sha256sum)
    [ "$(cat .venv/.stamp 2>/dev/null)" = "$stamp" ] && [ -x .venv/bin/adbray ]
}

install_venv() {
    say "installing $(grep -c '==' constraints/dev.txt) pinned Python packages into .venv"
    trust_system_authorities
    rm -f .venv/.stamp
    [ -x .venv/bin/python ] || python3 -m venv .venv
    # pip brings uv, at the pinned version and hash; uv brings the rest in seconds.
    awk '/^uv==/ {on = 1} on {print} on && !/\\$/ {exit}' constraints/dev.txt >.venv/uv.txt
    .venv/bin/python -m pip --disable-pip-version-check install --quiet --no-deps \
        --require-hashes -r .venv/uv.txt ||
        stop "pip could not install uv; its message is above." "check the network, run again."
    .venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes constraints/dev.txt ||
        stop "uv could not install the packages; its message is above." \
            "check the network, run again."
    .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e . ||
        stop "adbray itself could not be installed; the message is above." "run again."
    printf '%s\n' "$stamp" >.venv/.stamp
}

# Machines behind a proxy carry its certificate in the system's bundle; uv and pip bring their own.
trust_system_authorities() {
    bundle=/etc/ssl/certs/ca-certificates.crt
    [ -e "$bundle" ] || return 0
    export SSL_CERT_FILE="${SSL_CERT_FILE:-$bundle}" PIP_CERT="${PIP_CERT:-$bundle}"
}

# Every check comes before the first change. Disk is asked for only where some will be used: a
# second run beside a lab that has filled it is fine.
case "${1-}" in
"") check_machine ;;
test) check_machine && TOOLS="$TOOLS $TEST_TOOLS" ;;
vm) check_machine && TOOLS="$TOOLS $VM_TOOLS" ;;
soak) check_machine && TOOLS="$TOOLS $TEST_TOOLS $VM_TOOLS chromium:chromium" ;;
venv) ;;
*) stop "\`$1\` is unknown." "scripts/bootstrap.sh [test|vm|soak|venv]" ;;
esac
ready=no
if venv_is_ready; then ready=yes; else check_python && check_disk; fi
[ "${1-}" = venv ] || install_packages
[ "$ready" = yes ] || install_venv
