#!/bin/bash
# Builds an image from its Dockerfile where no container engine runs: Debian's buildah, a base image made by debootstrap.
#   tests/docker/build.sh pbxd|asterisk
# Prints the folder it leaves the image in: FOLDER/root is the file system, FOLDER/image.json what buildah tells of it
# (OCI). As root, with the packages `buildah` and `debootstrap`. Everything stays in .lab/images.
# What is not an engine's: the base is Debian's minbase of the same suite, not the published image of that name.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly WHAT=$1
readonly HERE=$PWD/.lab/images
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot TMPDIR=$HERE/tmp
mkdir -p "$HERE/tmp"

case $WHAT in
    pbxd) suite=bookworm file=docker/Dockerfile context=. ;;
    asterisk) suite=forky file=docker/asterisk/Dockerfile context=docker/asterisk ;;
    *) echo "usage: build.sh pbxd|asterisk" >&2; exit 2 ;;
esac

exec 9>"$HERE/lock" 3>&1 1>&2        # progress goes to stderr
flock 9                              # one build at a time
for command in buildah debootstrap; do
    command -v "$command" >/dev/null && continue
    apt-get install -q -y --no-install-recommends --no-upgrade "$command"
done
buildah() { command buildah --root "$HERE/store" --runroot "$HERE/run" "$@"; }

# ---- the base: the name the Dockerfile's FROM says
readonly BASE=docker.io/library/debian:$suite-slim
if ! buildah inspect --type image "$BASE" >/dev/null 2>&1; then
    if [ ! -d "$HERE/$suite" ]; then
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
        case $mirror in
            mirror+file:*) mirror=$(grep -m 1 -v '^#' "${mirror#mirror+file:}" | cut -f 1) ;;
        esac
        rm -rf --one-file-system "$HERE/$suite.new"
        script=/usr/share/debootstrap/scripts/$suite
        [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid        # a suite younger than debootstrap
        debootstrap --variant=minbase "$suite" "$HERE/$suite.new" "${mirror:?apt has no package source}" "$script"
        rm -rf "$HERE/$suite.new"/var/cache/apt/archives/*.deb "$HERE/$suite.new"/var/lib/apt/lists/*
        # A mirror may be a snapshot whose date has passed; the packages' signatures are checked all the same.
        echo 'Acquire::Check-Valid-Until "false";' >"$HERE/$suite.new/etc/apt/apt.conf.d/00snapshot"
        mv "$HERE/$suite.new" "$HERE/$suite"        # whole or not at all
    fi
    container=$(buildah from scratch)
    buildah add -q "$container" "$HERE/$suite" /
    buildah config --cmd '["bash"]' --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
    buildah commit -q --rm "$container" "$BASE"
    rm -rf --one-file-system "${HERE:?}/$suite"
fi

# ---- the image; what pip needs is fetched here, as pip is configured on this machine
arguments=()
if [ "$WHAT" = pbxd ]; then
    mkdir -p "$HERE/wheels"
    wanted=$(python3 -c 'import tomllib; own = tomllib.load(open("pyproject.toml", "rb")); print(own["project"]["dependencies"], own["build-system"])')
    if [ "$(cat "$HERE/wheels/made-of" 2>/dev/null)" != "$wanted" ]; then
        mapfile -t needed < <(python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")')
        .venv/bin/python -m pip download -q --only-binary :all: --python-version 3.11 -d "$HERE/wheels" "${needed[@]}"
        .venv/bin/python -m pip wheel -q -w "$HERE/wheels" .
        rm -f "$HERE"/wheels/pbxd-*.whl        # only what it depends on
        printf '%s\n' "$wanted" >"$HERE/wheels/made-of"
    fi
    arguments=(--volume "$HERE/wheels:/wheels:ro" --build-arg PIP_NO_INDEX=1 --build-arg PIP_FIND_LINKS=/wheels)
fi
buildah bud --pull-never --layers --format docker "${arguments[@]}" -f "$file" -t "localhost/pbxd-test/$WHAT" "$context"

# ---- the file system and the configuration, for a container of our own making (enter.sh)
readonly OUT=$HERE/built-$WHAT
image=$(buildah inspect --type image --format '{{.FromImageID}}' "localhost/pbxd-test/$WHAT")
if [ "$(cat "$OUT/id" 2>/dev/null)" != "$image" ]; then
    rm -rf --one-file-system "$OUT"
    mkdir -p "$OUT"
    container=$(buildah from --pull-never "localhost/pbxd-test/$WHAT")
    mounted=$(buildah mount "$container")
    cp -a "$mounted" "$OUT/root"
    buildah inspect --type image "localhost/pbxd-test/$WHAT" >"$OUT/image.json"
    buildah umount "$container" >/dev/null
    buildah rm "$container" >/dev/null
    printf '%s\n' "$image" >"$OUT/id"
fi
buildah prune -f >/dev/null 2>&1 || true
printf '%s\n' "$OUT" >&3
