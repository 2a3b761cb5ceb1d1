/* For tests that fork with threads about. Include cmocka.h, or what includes it, before. */
#ifndef TESTS_RUNTIME_FORK_H
#define TESTS_RUNTIME_FORK_H

#include <sys/wait.h>
#include <unistd.h>

/* ThreadSanitizer 12 ends a child of fork that starts threads: it takes them for its parent's, whose ids they have. */
#ifdef __has_feature /* clang */
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define FORK_SKIP_IF_UNSUPPORTED()                                                                                             \
    do {                                                                                                                       \
        print_message("skipped: ThreadSanitizer cannot follow the threads of a forked child\n");                               \
        skip();                                                                                                                \
    } while (0)
#else
#define FORK_SKIP_IF_UNSUPPORTED() ((void)0)
#endif

/* The child must leave by exit status 0. */
static inline void fork_await(pid_t child)
{
    int status;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#endif
