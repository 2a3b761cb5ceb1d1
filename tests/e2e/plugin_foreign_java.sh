#!/usr/bin/env bash
# Java, where it is installed: nothing changes, and nothing is left behind.
set -u
. "$(dirname "$0")/preload.sh"
plain
have java || skip "java, an optional host, is not installed"
# -max heap and one collector keep Java's own threads out of the picture of a small machine.
same java -Xshare:auto -XX:+UseSerialGC -Xmx64m -version
no_layers
exit 0
