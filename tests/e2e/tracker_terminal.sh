#!/usr/bin/env bash
# On a terminal: Ctrl-C reaches the job once, Ctrl-Z and a job that stops itself give the shell its prompt back, fg goes on.
set -u
. "$(dirname "$0")/lib_tracker.sh"
cat >"$TMP/terminal.py" <<'END'
import fcntl, os, pty, select, struct, sys, termios, time
greentrack = sys.argv[1]

def expect(fd, text, seconds=20):
    out, end = b"", time.time() + seconds
    while text not in out and time.time() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                out += os.read(fd, 4096)
            except OSError:
                break
    if text not in out:
        sys.exit("FAIL: no %r in %r" % (text, out))

pid, fd = pty.fork()
if pid == 0:
    os.execv(greentrack, ["greentrack", "run", "-q", "--", "bash", "-c",
        'n=0; trap "n=\\$((n+1))" INT; echo up; for i in 1 2 3 4 5; do sleep 0.1 || true; done; echo "ints=$n;"; exit 4'])
expect(fd, b"up")
time.sleep(0.1)
os.write(fd, b"\x03")
expect(fd, b"ints=1;")
if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 4:
    sys.exit("FAIL: exit status after Ctrl-C")

# COLUMNS stands above the terminal's own width; without it that one counts.
def widest(environment, columns):
    pid, fd = pty.fork()
    if pid == 0:
        time.sleep(0.2)
        os.environ.update(environment)
        os.execv(greentrack, ["greentrack", "help", "ingest"])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    out = b""
    try:
        while data := os.read(fd, 4096):
            out += data
    except OSError:
        pass
    os.waitpid(pid, 0)
    return max(map(len, out.decode().splitlines()))
os.environ.pop("COLUMNS", None)
for environment, columns, least, most in (({}, 120, 81, 120), ({"COLUMNS": "50"}, 120, 41, 50), ({"COLUMNS": "200"}, 60, 121, 200),
                                          ({"COLUMNS": "x"}, 60, 41, 60)):
    if not least <= widest(environment, columns) <= most:
        sys.exit("FAIL: %r at %d columns: %d" % (environment, columns, widest(environment, columns)))

pid, fd = pty.fork()
if pid == 0:
    os.environ["PS1"] = "ready> "
    os.execvp("bash", ["bash", "--norc", "-i"])
expect(fd, b"ready> ")
os.write(fd, b"%s run -q -- sh -c 'echo beg''un; sleep 0.5; echo fin''ished'\n" % greentrack.encode())
expect(fd, b"begun")
os.write(fd, b"\x1a")
expect(fd, b"Stopped")
os.write(fd, b"fg\n")
expect(fd, b"finished")
os.write(fd, b"%s run -q -- sh -c 'kill -STOP $$; echo ba''ck'\n" % greentrack.encode())
expect(fd, b"Stopped")
os.write(fd, b"fg\n")
expect(fd, b"back")
os.write(fd, b"exit\n")
os.waitpid(pid, 0)
END
python3 "$TMP/terminal.py" "$O/greentrack"
