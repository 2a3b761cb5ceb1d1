#!/usr/bin/env bash
# doctor and run on a constructed /sys/class: what root and what anybody may read, the fix, the noise filter, a container's mask, a board's rails.
set -u
. "$(dirname "$0")/lib_tracker.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
[ "$(id -u)" = 0 ] && unshare -m mount -t tmpfs none /sys/class 2>/dev/null || { echo "mounting over /sys/class is not permitted here"; exit 77; }
command -v setpriv >/dev/null || { echo "setpriv is not installed"; exit 77; }

# Everything below runs in a mount namespace of its own.
if [ -z "${IN_NAMESPACE:-}" ]; then
    IN_NAMESPACE=1 exec unshare -m "$BASH" "$0"
fi
mount -t tmpfs -o mode=755 none /sys/class && mkdir /sys/class/powercap || fail "mount"
zone() { # directory name energy range
    mkdir -p "/sys/class/powercap/$1"
    echo "$2" >"/sys/class/powercap/$1/name"; echo "$3" >"/sys/class/powercap/$1/energy_uj"; echo "$4" >"/sys/class/powercap/$1/max_energy_range_uj"
    chmod 400 "/sys/class/powercap/$1/energy_uj"
}
zone intel-rapl:0 package-0 1000 262143328850
zone intel-rapl:0:0 core 500 262143328850
zone intel-rapl:0:1 dram 100 65712999613
zone intel-rapl:1 psys 9000 262143328850
zone intel-rapl-mmio:0 package-0 1000 262143328850
tree() { find /sys/class -printf '%p %m %u %g %s\n' | sort; }
doctor() { "$@" "$O/greentrack" doctor --format json; }
source_is() { query ".sources[] | select(.source == \"$1\") | $2"; }

# A counter that does not move, as in some virtual machines: said so, and joules are modelled; by name it is taken all the same.
got=$(doctor env | query '.sources[] | select(.source == "powercap" or .chosen) | [.source, .result, .chosen, .detail[0:38]]')
want='["powercap","absent",false,"present, but its counter does not move"]
["model","available",true,'
case $got in "$want"*) ;; *) fail "still: $got" ;; esac
"$O/greentrack" run -q -- true || fail "run"
[ "$("$O/greentrack" show last --format json | query .energy.source)" = model ] || fail "auto took a counter that stands still"
"$O/greentrack" run -q --require-measured -- true 2>"$TMP/err" && fail "a counter that stands still measures"
grep -q 'powercap absent' "$TMP/err" || fail "not told: $(cat "$TMP/err")"
"$O/greentrack" run -q --energy-source powercap -- true || fail "run by name"
[ "$("$O/greentrack" show last --format json | query .energy.source)" = powercap ] || fail "by name, another source was taken"

# From here on it moves, always four digits long.
mkfifo "$TMP/never" && exec 9<>"$TMP/never"
move() {
    for ((n = 1000; ; n = n < 9999 ? n + 1 : 1000)); do
        printf '%d\n' "$n" 1<>/sys/class/powercap/intel-rapl:0/energy_uj
        read -r -t 0.001 -u 9
    done
}
move &
mover=$!
trap 'kill "$mover" 2>/dev/null' EXIT

# Root may read it.
before=$(tree)
got=$(doctor env | source_is powercap '[.result, .chosen, .detail]')
want='["available",true,"RAPL, boundary package+dram: package-0 dram; a second counter of the same is not added"]'
[ "$got" = "$want" ] || fail "root: $got"

# Anybody else may not: said so, with the exact fix, and the joules are modelled. Nothing changes.
chmod 755 "$TMP"
anybody() { setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent XDG_STATE_HOME=/nonexistent XDG_DATA_HOME=/nonexistent "$@"; }
said=$(doctor anybody) || fail "doctor for anybody"
got=$(source_is powercap '[.result, (.detail | contains("energy_uj: Permission denied"))]' <<<"$said")
[ "$got" = '["no permission",true]' ] || fail "anybody: $got"
fix=$(source_is powercap '.fix' <<<"$said")
case $fix in *'KERNEL=='*'/bin/chgrp %s /sys%%p/energy_uj'*'/etc/udev/rules.d/'*) ;; *) fail "fix: $fix" ;; esac
case $fix in *a+r* | *o+r* | *444*) fail "the fix opens the counters to everybody: $fix" ;; esac
[ "$(source_is model .chosen <<<"$said")" = true ] || fail "model is not chosen"
anybody "$O/greentrack" doctor | grep -q "PLATYPUS" || fail "what reading joules gives away is not said"
[ "$(tree)" = "$before" ] || fail "doctor changed something"

# As the fix would leave it: the group reads.
chgrp 65534 /sys/class/powercap/*/energy_uj && chmod 0440 /sys/class/powercap/*/energy_uj
[ "$(doctor anybody | source_is powercap '[.result, .chosen]')" = '["available",true]' ] || fail "the fix does not help"

# The noise filter, where the processor tells: IA32_ARCH_CAPABILITIES (0x10a) bit 11, IA32_MISC_PACKAGE_CTLS (0xbc) bit 0. It stands with the run.
mount -t tmpfs -o mode=755 none /dev/cpu 2>/dev/null || { mkdir -p /dev/cpu && mount -t tmpfs -o mode=755 none /dev/cpu; } || fail "mount"
mkdir /dev/cpu/0
truncate -s 4096 /dev/cpu/0/msr
printf '\x00\x08' | dd of=/dev/cpu/0/msr bs=1 seek=$((0x10a)) conv=notrunc status=none
printf '\x01' | dd of=/dev/cpu/0/msr bs=1 seek=$((0xbc)) conv=notrunc status=none
doctor env | source_is powercap .detail | grep -q "noise filter is on" || fail "doctor does not tell the noise filter"
"$O/greentrack" run -q --energy-source powercap -- true || fail "run"
"$O/greentrack" show last --format json | query '[.events[]? | tojson] | any(contains("noise filter is on"))' | grep -q true || fail "the run does not tell the noise filter"
got=$("$O/greentrack" show last --format json | query '[.energy.source, .energy.boundary, ([.domains[].name] | join(" "))]')
[ "$got" = '["powercap","package+dram","package-0 core dram psys package-0"]' ] || fail "counters: $got"

kill "$mover" && wait "$mover" 2>/dev/null
trap - EXIT

# A zone that goes away during a run: a gap, no joules out of nowhere.
"$O/greentrack" run -q --energy-source powercap -- sh -c 'sleep 0.1; : >/sys/class/powercap/intel-rapl:0/energy_uj; sleep 0.1; echo 5001000 >/sys/class/powercap/intel-rapl:0/energy_uj; sleep 0.1' || fail "run"
got=$("$O/greentrack" show last --format json | query '[(.domains[0] | (.lo_uj | num) <= 5000000 and (.hi_uj | num) >= 5000000), any(.energy.gaps[]; .reason | startswith("not read"))]')
[ "$got" = '[true,true]' ] || fail "gap: $got"

# A container's mask: links that lead nowhere.
rm -r /sys/class/powercap/* && ln -s ../../devices/virtual/powercap/intel-rapl/intel-rapl:0 /sys/class/powercap/intel-rapl:0
got=$(doctor env | source_is powercap '[.result, .fix, (.detail | contains("container"))]')
[ "$got" = '["absent",null,true]' ] || fail "mask: $got"

# A board: VDD_IN holds the other rails; the graphics card beside it is not the machine. 5 V times 2 A for a second are 10 J.
mkdir -p /sys/class/hwmon/hwmon0 /sys/class/hwmon/hwmon3 && cd /sys/class/hwmon || fail "hwmon"
echo amdgpu >hwmon0/name; echo 33000000 >hwmon0/power1_average
echo ina3221 >hwmon3/name
for rail in 1:VDD_IN:2000 2:VDD_CPU_GPU_CV:900 3:VDD_SOC:400; do
    IFS=: read -r n label ma <<<"$rail"
    echo "$label" >hwmon3/in${n}_label; echo 5000 >hwmon3/in${n}_input; echo "$ma" >hwmon3/curr${n}_input
done
cd /
[ "$(doctor anybody | source_is hwmon '[.result, .chosen, .detail]')" = '["available",true,"sensors, boundary board: VDD_IN"]' ] || fail "board"
"$O/greentrack" run -q -- sleep 1 || fail "run"
got=$("$O/greentrack" show last --format json | query '[.energy.source, .energy.boundary, .energy.provenance,
    [.domains[] | select(.additive) | .name, (.uj | num) > 9800000 and (.uj | num) < 15000000]]')
[ "$got" = '["hwmon","board","measured",["VDD_IN",true]]' ] || fail "a second on the board: $got"

rm /dev/cpu/0/msr
# perf through the kernel itself: an event source "power" whose event is the software clock of cpu 0, a nanojoule per nanosecond. That is a watt.
mount -t tmpfs -o mode=755 none /sys/bus/event_source/devices || fail "mount"
mkdir -p /sys/bus/event_source/devices/power/events /sys/bus/event_source/devices/power/format
cd /sys/bus/event_source/devices/power || fail "power"
echo 1 >type; echo 0 >cpumask; echo config:0-7 >format/event
echo event=0x00 >events/energy-pkg; echo Joules >events/energy-pkg.unit; echo 1e-9 >events/energy-pkg.scale
cd /
said=$(doctor env)
case $(source_is perf '.detail' <<<"$said") in
*"No such"* | *"not supported"*) echo "the kernel refuses software events of a whole cpu: perf not tried" ;;
*)
    [ "$(source_is perf '[.result, .chosen, .detail]' <<<"$said")" = '["available",true,"RAPL, boundary package: package-0"]' ] || fail "perf: $said"
    "$O/greentrack" run -q -- sleep 1 || fail "run"
    got=$("$O/greentrack" show last --format json | query '[.energy.source, .energy.boundary,
        [.domains[] | .name, (.uj | num) > 990000 and (.uj | num) < 1500000]]')
    [ "$got" = '["perf","package",["package-0",true]]' ] || fail "a second at a watt: $got"
    if [ "$(cat /proc/sys/kernel/perf_event_paranoid)" -gt 0 ]; then
        got=$(doctor anybody | source_is perf '[.result, (.detail | contains("perf_event_paranoid")), (.fix | startswith("sudo setcap cap_perfmon+ep"))]')
        [ "$got" = '["no permission",true,true]' ] || fail "perf for anybody: $got"
    fi
    # A bare preload reads it too, but not in a process that a filter watches: the filter may kill for the call.
    if [ -z "${SANITIZER-}" ]; then
        bare() { LD_PRELOAD="$O/libgreentrack.so" "$@" "$O/gtcnn" bench --model fashion/b0 --seconds 0.2 >/dev/null || fail "bare"; "$O/greentrack" ingest >/dev/null; }
        bare env
        [ "$("$O/greentrack" show last --format json | query .energy.source)" = perf ] || fail "a bare preload does not read perf"
        bare "$O/tests/host/inherit" -k
        [ "$("$O/greentrack" show last --format json | query .energy.source)" = hwmon ] || fail "under a filter: $("$O/greentrack" show last)"
    fi
    ;;
esac
exit 0
