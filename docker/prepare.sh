#!/bin/sh
# Create docker/etc, the configuration that compose.yaml mounts, from the samples of this checkout, with a new AMI secret.
# Existing files stay. Run it as root: the files then belong to the users of the two images, and only they can read them.
set -eu
cd "$(dirname "$0")"
umask 077
readonly PBXD=857 ASTERISK=858        # the users of the two images

secret=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
[ ! -s etc/pbxd/asterisk-secret ] || secret=$(cat etc/pbxd/asterisk-secret)

make() {        # make OWNER FILE SOURCE [sed expression]…
    owner=$1 file=$2 source=$3
    shift 3
    [ ! -e "$file" ] || { echo "kept: docker/$file"; return; }
    for expression in "$@"; do set -- "$@" -e "$expression"; shift; done
    sed -e '' "$@" "$source" >"$file"
    chmod 0440 "$file"
    [ "$(id -u)" != 0 ] || chown "$owner:$owner" "$file"
    echo "made: docker/$file"
}

mkdir -p etc/pbxd etc/asterisk
chmod 0755 etc etc/pbxd etc/asterisk
make $ASTERISK etc/asterisk/manager.conf ../config/manager.conf "s/^secret = CHANGE-ME/secret = $secret/"
for sample in cel pjsip queues; do make $ASTERISK etc/asterisk/$sample.conf ../config/$sample.conf; done
make $ASTERISK etc/asterisk/extensions.conf ../dialplan/extensions.conf.sample
for part in pbxd pbxd-manager pbxd-curl; do make $ASTERISK etc/asterisk/$part.conf ../dialplan/$part.conf; done
make $PBXD etc/pbxd/pbxd.toml ../config/pbxd.toml 's/^url = .*/#&/' 's/^runtime_folder = .*/#&/' 's/^secret_file = .*/#&/' '/^# production: cel = /d' 's/^# production: //'
if [ ! -e etc/pbxd/asterisk-secret ]; then
    printf '%s\n' "$secret" | make $PBXD etc/pbxd/asterisk-secret /dev/stdin
fi
echo "Next: the places marked CHANGE-ME in docker/etc/asterisk/pjsip.conf, and [numbers] and [dialing] in docker/etc/pbxd/pbxd.toml"
