#!/bin/sh
# Takes the arguments of qemu-pr-helper, as KubeVirt's own pr-helper image does: /entrypoint.sh -k PATH
#
# KubeVirt brings multipathd's socket next to ours, and may do so after this start; multipathd's clients look in /run.
# Where the container has one there, or may not write, that is left as it is.
theirs=/var/run/kubevirt/daemons/pr/multipathd.socket
ours=/run/multipathd.socket
[ -e "$ours" ] || [ -L "$ours" ] || ln -s "$theirs" "$ours"
exec /usr/bin/prhelper "$@"
