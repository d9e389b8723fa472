#!/bin/sh
# Keeps the directory of a deployment, and what must not outlive it. It is told a line for each process that starts or ends and for each file system
# that is mounted, and cleans up when standard input ends. Whoever holds the other end of that pipe need not do anything for it: the
# kernel closes the pipe even of a process that was killed.
#
# Its first line of output is the directory.
set -eu
directory=$(mktemp -d "${TMPDIR:-/tmp}/pratique-stack-XXXXXX")
# A keyboard's interrupt goes to the whole session; the pipe says when it is time.
trap '' INT HUP TERM
echo "$directory"

processes=' '
mounts=
while read -r what which; do
    case $what in
        started) processes="$processes$which " ;;
        ended) processes=$(echo "$processes" | sed "s/ $which / /") ;;
        mounted) mounts="$which $mounts" ;;
    esac
done

for process in $processes; do
    kill -KILL "$process" 2>/dev/null || true
done
for mount in $mounts; do
    umount -l "$mount" 2>/dev/null || true
done
rm -rf "$directory"
