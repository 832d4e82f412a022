#!/bin/sh
# The inside half of a container without an engine; container.py starts it in new mount and pid namespaces, as their process 1.
#   enter.sh ROOT UID GID FOLDER [bind=SOURCE:TARGET[:ro]]… [tmpfs=TARGET:OPTIONS]… -- NAME=VALUE… COMMAND…
# ROOT is mounted read-only; COMMAND becomes process 1, without capabilities and without a way to new ones.
set -eu
root=$1 uid=$2 gid=$3 folder=$4
shift 4
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=0755,nosuid tmpfs "$root/dev"
for device in null zero random urandom; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm" && chmod 1777 "$root/dev/shm"
while [ "$1" != -- ]; do
    case $1 in
        tmpfs=*)
            target=${1#tmpfs=}
            mount -t tmpfs -o "${target#*:}" tmpfs "$root${target%%:*}"
            ;;
        bind=*)
            rest=${1#bind=}
            source=${rest%%:*} target=${rest#*:}
            place=$root${target%:ro}
            if [ ! -e "$place" ]; then        # an engine makes the mount point, too
                if [ -d "$source" ]; then mkdir -p "$place"; else : >"$place"; fi
            fi
            mount --bind "$source" "$place"
            case $target in *:ro) mount -o remount,bind,ro "$place" ;; esac
            ;;
    esac
    shift
done
shift
mount -o remount,bind,ro "$root"
exec chroot "$root" /usr/bin/setpriv --reuid "$uid" --regid "$gid" --clear-groups --bounding-set=-all --no-new-privs \
    /usr/bin/env -i --chdir="$folder" "$@"
