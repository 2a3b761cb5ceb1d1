/* The line protocol with a worker process, from both sides: what is understood, and what is done about workers that misbehave.
 */
#include "runtime/cli/peer.h"
#include "runtime/cli/pin.h"
#include "runtime/cli/worker.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TIMEOUT_S = 20 };

static char log_path[160];

static struct gtcnn_peer start(int (*serve)(void *, FILE *, FILE *), void *context)
{
    struct gtcnn_peer_program program = {.serve = serve, .context = context, .log = log_path};
    struct gtcnn_peer peer;
    struct gtcnn_err err = {0};
    if (gtcnn_peer_start(&peer, &program, &err))
        fail_msg("%s", err.text);
    return peer;
}

/* Says `context`, and then waits for what never comes. */
static int says(void *context, FILE *in, FILE *out)
{
    fputs(context, out);
    fflush(out);
    while (getc(in) != EOF) {
    }
    return 0;
}

static enum gtcnn_status first_answer(const char *said, struct gtcnn_peer *peer, struct gtcnn_err *err)
{
    *peer = start(says, (void *)said);
    *err = (struct gtcnn_err){0};
    return gtcnn_peer_ask(peer, TIMEOUT_S, NULL, err);
}

static void answers_are_cut_into_fields(void **state)
{
    (void)state;
    struct gtcnn_peer peer;
    struct gtcnn_err err;
    double value;
    assert_int_equal(first_answer("ok\t12.5\t\tlast one\nok\n", &peer, &err), GTCNN_OK);
    assert_string_equal(peer.field[0], "12.5");
    assert_string_equal(peer.field[1], "");
    assert_string_equal(peer.field[2], "last one");
    for (int i = 3; i < GTCNN_PEER_FIELDS; i++)
        assert_string_equal(peer.field[i], "");
    assert_int_equal(gtcnn_peer_number(&peer, 0, &value, &err), GTCNN_OK);
    assert_true(value == 12.5);
    for (int i = 1; i < 4; i++)
        assert_int_equal(gtcnn_peer_number(&peer, i, &value, &err), GTCNN_E_FORMAT);
    assert_int_equal(gtcnn_peer_ask(&peer, TIMEOUT_S, NULL, &err), GTCNN_OK); /* it came along with the first */
    assert_string_equal(peer.field[0], "");
    gtcnn_peer_stop(&peer);
    gtcnn_peer_stop(&peer);
    assert_int_equal(gtcnn_peer_ask(&peer, TIMEOUT_S, "load", &err), GTCNN_E_IO);
}

static void numbers_are_plain(void **state)
{
    (void)state;
    static const char *const bad[] = {"-1", "nan", "inf", "1e999", "1 ", "0x", " 1", "1,5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct gtcnn_peer peer = {.field = {bad[i]}};
        struct gtcnn_err err = {0};
        double value;
        assert_int_equal(gtcnn_peer_number(&peer, 0, &value, &err), GTCNN_E_FORMAT);
        assert_non_null(strstr(err.text, bad[i]));
    }
}

static void refusals_and_nonsense_are_told_apart(void **state)
{
    (void)state;
    struct gtcnn_peer peer;
    struct gtcnn_err err;
    assert_int_equal(first_answer("absent\tno such \033module\n", &peer, &err), GTCNN_E_NOENT);
    assert_string_equal(err.text, "no such \\x1bmodule");
    gtcnn_peer_stop(&peer);
    assert_int_equal(first_answer("error\tout of luck\n", &peer, &err), GTCNN_E_UNSUPPORTED);
    assert_string_equal(err.text, "out of luck");
    assert_true(peer.pid > 0); /* it may be asked something else */
    gtcnn_peer_stop(&peer);
    assert_int_equal(first_answer("okay\n", &peer, &err), GTCNN_E_IO);
    assert_non_null(strstr(err.text, "\"okay\""));
    assert_int_equal(peer.pid, 0);
}

static void long_lines_end_it(void **state)
{
    (void)state;
    char said[2 * GTCNN_PEER_LINE];
    struct gtcnn_peer peer;
    struct gtcnn_err err;
    memset(said, 'x', sizeof said - 1);
    said[sizeof said - 1] = 0;
    assert_int_equal(first_answer(said, &peer, &err), GTCNN_E_IO);
    assert_non_null(strstr(err.text, "4095"));
    memcpy(said, "ok\t", 3);
    memcpy(said + GTCNN_PEER_LINE - 1, "\n", 2); /* as long as one may be */
    assert_int_equal(first_answer(said, &peer, &err), GTCNN_OK);
    assert_int_equal(strlen(peer.field[0]), GTCNN_PEER_LINE - 4);
    memset(said, 'x', GTCNN_PEER_LINE);
    said[GTCNN_PEER_LINE] = 0;
    assert_int_equal(gtcnn_peer_ask(&peer, TIMEOUT_S, said, &err), GTCNN_E_LIMIT);
    gtcnn_peer_stop(&peer);
}

static int dies(void *context, FILE *in, FILE *out)
{
    (void)in;
    (void)out;
    fputs("a line\nwhat went wrong\n\n", stderr);
    if (!context)
        kill(getpid(), SIGKILL);
    return 7;
}

static void the_dead_are_told_of(void **state)
{
    (void)state;
    struct gtcnn_err err = {0};
    int any = 0;
    struct gtcnn_peer killed = start(dies, NULL);
    assert_int_equal(gtcnn_peer_ask(&killed, TIMEOUT_S, NULL, &err), GTCNN_E_IO);
    assert_non_null(strstr(err.text, "died of signal 9"));
    assert_non_null(strstr(err.text, "what went wrong"));
    struct gtcnn_peer ended = start(dies, &any);
    assert_int_equal(gtcnn_peer_ask(&ended, TIMEOUT_S, NULL, &err), GTCNN_E_IO);
    assert_non_null(strstr(err.text, "ended with status 7: what went wrong"));
}

static void the_silent_are_killed(void **state)
{
    (void)state;
    struct gtcnn_peer peer = start(says, "ok"); /* without an end */
    struct gtcnn_err err = {0};
    pid_t pid = peer.pid;
    assert_int_equal(gtcnn_peer_ask(&peer, 0.2, NULL, &err), GTCNN_E_IO);
    assert_non_null(strstr(err.text, "no answer within 0.2 s"));
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

static void ask(struct gtcnn_peer *peer, const char *request)
{
    struct gtcnn_err err = {0};
    if (gtcnn_peer_ask(peer, TIMEOUT_S, request, &err))
        fail_msg("%s: %s", request ? request : "(greeting)", err.text);
}

/* Our own worker keeps the protocol that others are asked by. */
static void our_worker_answers(void **state)
{
    (void)state;
    const char *tmp = getenv("TMP");
    char folder[100], request[512];
    struct gtcnn_cli cli = {.args = {.batch = 2}};
    struct gtcnn_worker worker = {.cli = &cli, .isa = "c"};
    struct gtcnn_err err = {0};
    double median, least;
    snprintf(folder, sizeof folder, "%.60s/worker.XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(folder));
    struct gtcnn_peer peer = start(gtcnn_worker_serve, &worker);
    ask(&peer, NULL);
    assert_string_equal(peer.field[0], "1");
    assert_int_equal(gtcnn_peer_ask(&peer, TIMEOUT_S, "run\t1\t1", &err), GTCNN_E_UNSUPPORTED);
    snprintf(request, sizeof request, "prepare\tfashion/b0\t%s", folder);
    ask(&peer, request);
    assert_non_null(strstr(peer.field[0], "/model.onnx"));
    assert_string_equal(peer.field[1], "2x1x14x14");
    assert_string_equal(peer.field[4], "c");
    assert_string_equal(peer.field[5], "trained");
    snprintf(request, sizeof request, "load\t1\t2x1x14x14\t%s/input.f32\t%s/model.onnx", folder, folder);
    ask(&peer, request);
    assert_string_equal(peer.field[1], "fp32");
    ask(&peer, "run\t1\t5");
    assert_int_equal(gtcnn_peer_number(&peer, 0, &median, &err), GTCNN_OK);
    assert_int_equal(gtcnn_peer_number(&peer, 1, &least, &err), GTCNN_OK);
    assert_true(least > 0 && median >= least);
    snprintf(request, sizeof request, "output\t%s/y.f32", folder);
    ask(&peer, request);
    assert_string_equal(peer.field[0], "20");
    ask(&peer, "memory");
    assert_int_equal(gtcnn_peer_number(&peer, 0, &median, &err), GTCNN_OK);
    assert_true(median > 1e6);
    assert_int_equal(gtcnn_peer_ask(&peer, TIMEOUT_S, "frobnicate", &err), GTCNN_E_UNSUPPORTED);
    gtcnn_peer_stop(&peer);
    static const char *const files[] = {"input.f32", "model.onnx", "y.f32"};
    for (int i = 0; i < 3; i++) {
        snprintf(request, sizeof request, "%s/%s", folder, files[i]);
        assert_int_equal(unlink(request), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

static void processors_are_among_those_allowed(void **state)
{
    (void)state;
    cpu_set_t allowed, one, most, common;
    assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    assert_int_equal(gtcnn_pin_choose(1, &one), 1);
    assert_int_equal(CPU_COUNT(&one), 1);
    assert_int_equal(gtcnn_pin_choose(CPU_SETSIZE, &most), CPU_COUNT(&allowed));
    assert_true(CPU_EQUAL(&most, &allowed));
    CPU_AND(&common, &one, &allowed);
    assert_true(CPU_EQUAL(&common, &one));
}

int main(void)
{
    const char *tmp = getenv("TMP");
    snprintf(log_path, sizeof log_path, "%.100s/peer.%d.log", tmp ? tmp : "/tmp", (int)getpid());
    signal(SIGPIPE, SIG_IGN); /* as the command does */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_cut_into_fields),
        cmocka_unit_test(numbers_are_plain),
        cmocka_unit_test(refusals_and_nonsense_are_told_apart),
        cmocka_unit_test(long_lines_end_it),
        cmocka_unit_test(the_dead_are_told_of),
        cmocka_unit_test(the_silent_are_killed),
        cmocka_unit_test(our_worker_answers),
        cmocka_unit_test(processors_are_among_those_allowed),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(log_path);
    return failed;
}
