#!/usr/bin/env bash
# Node, where it is installed: nothing changes, and nothing is left behind.
set -u
. "$(dirname "$0")/preload.sh"
plain
have node || skip "node, an optional host, is not installed"
same node -e 'setTimeout(() => { console.log("node", process.argv.length); process.exit(3) }, 5)'
no_layers
exit 0
