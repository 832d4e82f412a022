#!/bin/bash
# Install what is missing to work on pbxd and to run its lab: Debian packages (Chromium too, for the pages), the virtual
# environment in .venv, a private Asterisk in .lab/forky, and nginx and Caddy in .lab/proxies. For Debian 12 or newer, as root or with sudo; a second run
# takes a second.
# `make soak` also calls `setup.sh bullseye` (an old Asterisk, 16) and `setup.sh libreoffice`.
# All package sources are those that the machine itself is configured with.
set -euo pipefail
cd "$(dirname "$0")/../.."
suites=(forky)        # Debian 12 has no asterisk package; forky has 22
packages=(sip-tester baresip-core postgresql mariadb-server-core mariadb-client-core systemd openssl faketime
    php-cli curl chromium chromium-l10n chromium-headless-shell fonts-dejavu-core)
for more in "$@"; do
    case $more in
        libreoffice) packages+=(libreoffice-calc-nogui) ;;
        *) suites+=("$more") ;;
    esac
done

say() { printf '\033[1m%s\033[0m\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else fail "needs root or sudo for: $*"; fi
}

mkdir -p .lab
exec 9>.lab/setup.lock
flock 9        # a second set-up at the same time waits for the first

# ---- Debian packages -----------------------------------------------------------------------------------------------
missing=()
wants() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed' || missing+=("$1"); }

python=${PYTHON:-python3}
command -v "$python" >/dev/null || missing+=(python3)
"$python" -c 'import ensurepip, venv' 2>/dev/null || wants python3-venv
for package in "${packages[@]}"; do wants "$package"; done
for suite in "${suites[@]}"; do [ -e ".lab/$suite/usr/sbin/asterisk" ] || wants debootstrap; done
if [ ${#missing[@]} -gt 0 ]; then
    say "Installing Debian packages: ${missing[*]}"
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

# ---- Asterisk ------------------------------------------------------------------------------------------------------
mirror() {
    # The first source of Debian itself; cloud images name a file with a list of mirrors.
    local uri
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
    [ -n "$uri" ] || uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
    case $uri in
        mirror+file:*) uri=$(grep -m 1 -v '^#' "${uri#mirror+file:}" | cut -f 1) ;;
    esac
    [ -n "$uri" ] || fail "apt has no package source configured"
    printf '%s\n' "$uri"
}

fetch() {
    local suite=$1 tree=.lab/$1 script=/usr/share/debootstrap/scripts/$1 from
    say "Fetching Asterisk from Debian $suite (about a minute, 500 MB)"
    from=$(mirror)
    [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid        # a suite newer than this debootstrap
    # An interrupted run may have left its own proc mounted in there.
    for mounted in proc sys; do as_root umount -R "$tree.new/$mounted" 2>/dev/null || true; done
    as_root rm -rf --one-file-system "$tree.new" "$tree"
    if ! as_root debootstrap --variant=minbase --include=asterisk "$suite" "$tree.new" "$from" \
        "$script" >.lab/debootstrap.log 2>&1; then
        tail -n 20 .lab/debootstrap.log >&2
        fail "debootstrap failed; all of it in .lab/debootstrap.log"
    fi
    as_root mv "$tree.new" "$tree"        # whole or not at all
}

for suite in "${suites[@]}"; do
    [ -e ".lab/$suite/usr/sbin/asterisk" ] || fetch "$suite"
done

# ---- Proxies: the programs alone, since the packages would start services on port 80 -------------------------------
fetch_proxies() {
    local new=.lab/proxies.new package
    say "Fetching nginx and Caddy from Debian (10 MB), into .lab/proxies only"
    rm -rf "$new"
    mkdir -p "$new"
    (cd "$new" && apt-get download -q nginx caddy) || {
        as_root apt-get update -q        # the lists are missing or out of date
        (cd "$new" && apt-get download -q nginx caddy)
    }
    for package in "$new"/*.deb; do dpkg-deb --extract "$package" "$new"; done
    rm "$new"/*.deb
    rm -rf .lab/proxies
    mv "$new" .lab/proxies        # whole or not at all
}

[ -e .lab/proxies ] || fetch_proxies

# ---- Python --------------------------------------------------------------------------------------------------------
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$python is older than 3.11; set PYTHON=…"
# What is installed depends on these two tables only; the rest of pyproject.toml configures tools.
wanted=$("$python" - <<'EOF'
import hashlib, json, sys, tomllib
with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)
text = json.dumps([project["project"], project["build-system"], sys.version, sys.prefix], sort_keys=True)
print(hashlib.sha256(text.encode()).hexdigest())
EOF
)
if [ ! -x .venv/bin/python ] || [ "$(cat .venv/made-of 2>/dev/null)" != "$wanted" ]; then
    say "Installing pbxd and its tools into .venv"
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
    printf '%s\n' "$wanted" >.venv/made-of
fi
.venv/bin/python tools/messages.py  # the messages may have changed since
