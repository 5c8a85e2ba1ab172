#!/bin/sh
# Makes a Chromium available to the browser tests, where that can be done without asking: it is
# found, or apt-get installs it on Debian (about 300 MB). Never fails: without a browser those tests
# are skipped and say so.
set -eu

say() { printf 'setup  %-17s %s\n' 'browser' "$1"; }

for name in ${ECO2_BROWSER:-chromium chromium-browser google-chrome google-chrome-stable}; do
    if found=$(command -v "$name"); then
        say "complete ($found)"
        exit 0
    fi
done

skipped() {
    say "$1; the browser tests will be skipped"
    exit 0
}

[ -z "${ECO2_BROWSER:-}" ] || skipped "ECO2_BROWSER=$ECO2_BROWSER is not there"
# Ubuntu's package of that name only asks for a snap.
grep -qs '^ID=debian' /etc/os-release || skipped 'not found; install Chromium or Chrome'
as_root=''
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || skipped 'not found; apt-get install chromium needs root'
    as_root='sudo -n'
fi
say 'installing chromium'
output=$(mktemp)
trap 'rm -f "$output"' EXIT
apt_get() {
    # shellcheck disable=SC2086  # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o DPkg::Lock::Timeout=120 "$@" >"$output" 2>&1
}
if apt_get update && apt_get install -y --no-install-recommends chromium; then
    say 'complete'
else
    tail -n 5 "$output" >&2
    skipped 'apt-get could not install it'
fi
