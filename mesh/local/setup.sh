#!/bin/sh
# Makes this checkout runnable on a Debian or Ubuntu machine: system packages, Python packages, then
# the rest in Python (mesh/local/setup.py). Safe to repeat and to interrupt: a step that is complete
# is skipped, one that is not is done again. Packages come through apt-get, pip and mvn as they are
# configured on the machine.
set -eu

CDPATH='' cd -- "$(dirname -- "$0")/../.."

venv=.venv
lock=requirements-dev.txt

say() { printf 'setup  %-17s %s\n' "$1" "$2"; }

fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

exists() { [ -e "$1" ]; }

# --- system packages -------------------------------------------------------------------------

missing=''
need() { missing="$missing $1"; }

# ECO2_PYTHON, else the system's own where it is new enough, else the first on the PATH. Debian and
# Ubuntu build theirs with profile-guided optimisation: 15 to 18 % less CPU than a plain build of
# the same version.
choose_python() {
    python=${ECO2_PYTHON:-}
    [ -z "$python" ] || return 0
    for python in /usr/bin/python3 python3; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return 0
    done
}

# Asked for by what is missing, not by package: a JRE or PostgreSQL from elsewhere is as good.
find_missing() {
    missing=''
    command -v setpriv >/dev/null || need util-linux
    choose_python
    "$python" -c 'import ensurepip, venv' 2>/dev/null || need python3-venv
    command -v java >/dev/null || need default-jre-headless
    command -v mvn >/dev/null || need maven
    exists /usr/lib/postgresql/*/bin/initdb || need postgresql
    command -v redis-server >/dev/null || need redis-server
    command -v tesseract >/dev/null || need tesseract-ocr
    exists /usr/share/tesseract-ocr/*/tessdata/kor.traineddata || need tesseract-ocr-kor
    exists /usr/share/fonts/truetype/nanum/NanumGothic.ttf || need fonts-nanum
    exists /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc || need fonts-noto-cjk
    exists /etc/ssl/certs/ca-certificates.crt || need ca-certificates
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@"
}

allow_services() {
    as_root rm -f /usr/sbin/policy-rc.d
    trap - EXIT
}

# Debian starts a server when its package is installed. The stack runs servers of its own, on other
# ports; nothing is to be started or left enabled on the machine.
forbid_services() {
    exists /usr/sbin/policy-rc.d && return
    trap allow_services EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
    as_root chmod 755 /usr/sbin/policy-rc.d
}

install_missing() {
    say 'system packages' "installing$missing"
    command -v apt-get >/dev/null ||
        fail "this is not a Debian system; install what these packages hold:$missing"
    if [ "$(id -u)" -ne 0 ] && ! { command -v sudo >/dev/null && sudo -v; }; then
        fail "root is needed once; ask for: apt-get install --no-install-recommends$missing"
    fi
    output=$(mktemp)
    as_root dpkg --configure -a >"$output" 2>&1 || true
    apt_get update >"$output" 2>&1 || {
        tail -n 5 "$output" >&2
        fail 'apt-get could not read its package lists; check the network, then run it again'
    }
    forbid_services
    # shellcheck disable=SC2086  # a list of words
    apt_get install -y --no-install-recommends $missing >"$output" 2>&1 || {
        tail -n 15 "$output" >&2
        fail 'apt-get could not install the packages; put right what it says, then run it again'
    }
    allow_services
    rm -f "$output"
    if [ -d /run/systemd/system ]; then
        for service in postgresql redis-server; do
            case " $missing " in
            *" $service "*) as_root systemctl --quiet disable "$service" || true ;;
            esac
        done
    fi
}

system_packages() {
    find_missing
    if [ -n "$missing" ]; then
        install_missing
        find_missing
        [ -z "$missing" ] || fail "still missing after the installation:$missing"
    fi
    say 'system packages' 'complete'
}

# --- Python packages -------------------------------------------------------------------------

# The stamp is written last and names what it stands for: without it, or with another lock file,
# interpreter or place (a moved checkout), the environment is not complete.
python_packages() {
    choose_python
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Python 3.11 or newer is needed; $python is $("$python" -V 2>&1)"
    stamp=$venv/eco2-complete
    place="$("$python" -VV) $(pwd)"
    content="$place $(sha256sum <"$lock")"
    if [ "$(cat "$stamp" 2>/dev/null)" = "$content" ]; then
        say 'Python packages' 'complete'
        return
    fi
    if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        say 'Python packages' "making $venv"
        "$python" -m venv --clear "$venv"
    elif [ -f "$stamp" ] && ! grep -qF "$place" "$stamp"; then
        say 'Python packages' "making $venv again (it was made for another place or Python)"
        "$python" -m venv --clear "$venv"
    fi
    rm -f "$stamp"
    say 'Python packages' "installing from $lock"
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 \
        "$venv/bin/python" -m pip install --quiet --require-hashes -r "$lock" ||
        fail 'pip could not install the Python packages; check the network, then run it again'
    printf '%s\n' "$content" >"$stamp"
}

# ---------------------------------------------------------------------------------------------

mkdir -p .eco2
command -v flock >/dev/null && {
    exec 9>.eco2/setup.lock
    flock -n 9 || {
        say 'waiting' 'for another set-up of this checkout'
        flock 9
    }
}
system_packages
python_packages
exec "$venv/bin/python" -m mesh.local.setup
