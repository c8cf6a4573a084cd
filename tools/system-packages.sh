#!/bin/sh
# Installs the Debian packages that the tests need, where that can be done without asking; otherwise says how.
# Never fails: a test whose package is missing says so and is skipped.
set -u
wanted="build-essential dmsetup e2fsprogs util-linux libsystemd-dev pkg-config python3-dev qemu-system-common qemu-system-x86 qemu-utils sg3-utils systemd busybox-static socat openssl cpio kmod mandoc dpkg-dev debhelper dh-python lintian python3-anyio debootstrap rpm rpmlint apparmor libapparmor1 secilc selinux-policy-default selinux-policy-dev setools buildah netavark pipx"

missing=""
for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

line="apt-get install --no-install-recommends$missing"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing the system packages that the tests need:$missing"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && $line -y -qq; } >/dev/null && exit 0
    echo "that failed; the tests that need these packages will be skipped"
else
    echo "some tests will be skipped; as root, this would let them run: $line"
fi
exit 0
