#!/bin/sh
# Prints the packages of the named groups of packages.txt, one a line.
# Plain sh and awk: it also runs where nothing is installed yet.
set -eu
if [ "$#" -eq 0 ]; then
  echo "usage: packages.sh GROUP..." >&2
  exit 1
fi
for group in "$@"; do
  awk -v group="$group" '
    $1 == group { print $2; found = 1 }
    END { if (!found) { print "packages.sh: no group " group > "/dev/stderr"; exit 1 } }
  ' "$(dirname "$0")/packages.txt"
done
