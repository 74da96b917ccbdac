#!/bin/sh
# Copies the package into the template python3-pool, which carries it so that a build needs no registry for it.
set -eu
cd "$(dirname "$0")"
copy=../../template/python3-pool/fwatchdog
rm -rf "$copy"
cp -R src/fwatchdog "$copy"
find "$copy" -name __pycache__ -prune -exec rm -rf {} +
