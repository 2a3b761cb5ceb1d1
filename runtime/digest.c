#include "runtime/digest.h"

#include "runtime/graph.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECE = 64 << 10,        /* read at a time: stays in the second level of cache */
    THREAD_FROM = 256 << 10, /* below that, starting a thread takes longer than hashing */
};

struct gtcnn_digest {
    EVP_MD_CTX *sha;
    struct gtcnn_range *ranges; /* owned; those not yet hashed */
    uint32_t count;
    bool begun;       /* sha has been initialised */
    bool running;     /* the thread has been started, and not been joined */
    atomic_bool stop; /* to the thread: what is left is of no interest */
    enum gtcnn_status status;
    int error; /* errno where the status is GTCNN_E_IO */
    pthread_t thread;
    uint8_t piece[PIECE];
};

static void hash_range(struct gtcnn_digest *d, const struct gtcnn_range *range)
{
    uint64_t at = range->at, size = range->size;
    while (size > 0 && !d->status && !atomic_load_explicit(&d->stop, memory_order_relaxed)) {
        size_t n = size < sizeof d->piece ? (size_t)size : sizeof d->piece;
        if (gtcnn_io_read(&range->from, d->piece, n, at) != 0) {
            d->status = GTCNN_E_IO;
            d->error = errno;
        } else if (EVP_DigestUpdate(d->sha, d->piece, n) != 1) {
            d->status = GTCNN_E_NOMEM;
        }
        at += n;
        size -= n;
    }
}

/* All that has been added; the library's own start-up, which takes a millisecond, is here too. */
static void *hash(void *argument)
{
    struct gtcnn_digest *d = argument;
    if (!d->begun) {
        d->sha = EVP_MD_CTX_new();
        if (!d->sha || EVP_DigestInit_ex(d->sha, EVP_sha256(), NULL) != 1)
            d->status = GTCNN_E_NOMEM;
        d->begun = true;
    }
    for (uint32_t i = 0; i < d->count; i++)
        hash_range(d, &d->ranges[i]);
    d->count = 0;
    return NULL;
}

/* Until all that has been added is hashed. */
static void settle(struct gtcnn_digest *d)
{
    if (d->running)
        pthread_join(d->thread, NULL);
    else if (d->count && !atomic_load_explicit(&d->stop, memory_order_relaxed))
        hash(d);
    d->running = false;
}

/* The host's handlers are not run on a thread that it knows nothing of. */
static void start(struct gtcnn_digest *d)
{
    sigset_t all, old;
    uint64_t size = 0;
    for (uint32_t i = 0; i < d->count; i++)
        size += d->ranges[i].size;
    if (size < THREAD_FROM)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    d->running = pthread_create(&d->thread, NULL, hash, d) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

bool gtcnn_digest_more(struct gtcnn_digest *digest, const struct gtcnn_range *ranges, uint32_t count)
{
    if (count == 0)
        return true;
    settle(digest);
    struct gtcnn_range *copy = reallocarray(digest->ranges, count, sizeof *copy);
    if (!copy)
        return false;
    memcpy(copy, ranges, count * sizeof *copy);
    digest->ranges = copy;
    digest->count = count;
    start(digest);
    return true;
}

struct gtcnn_digest *gtcnn_digest_begin(const struct gtcnn_range *range)
{
    struct gtcnn_digest *digest = calloc(1, sizeof *digest);
    if (digest && !gtcnn_digest_more(digest, range, 1)) {
        free(digest);
        return NULL;
    }
    return digest;
}

static void free_digest(struct gtcnn_digest *d)
{
    EVP_MD_CTX_free(d->sha);
    free(d->ranges);
    free(d);
}

enum gtcnn_status gtcnn_digest_end(struct gtcnn_digest *digest, const char *label, uint8_t bytes[GTCNN_DIGEST_BYTES],
                                   struct gtcnn_err *err)
{
    settle(digest);
    enum gtcnn_status status = digest->status;
    if (!status && EVP_DigestFinal_ex(digest->sha, bytes, NULL) != 1)
        status = GTCNN_E_NOMEM;
    if (status == GTCNN_E_IO)
        gtcnn_err_set(err, status, "%s: cannot be read to its end: %s (did the file shrink?)", label, strerror(digest->error));
    else if (status)
        gtcnn_err_set(err, status, "%s: SHA-256 is not available, or memory is out", label);
    free_digest(digest);
    return status;
}

void gtcnn_digest_drop(struct gtcnn_digest *digest)
{
    if (!digest)
        return;
    atomic_store_explicit(&digest->stop, true, memory_order_relaxed);
    settle(digest);
    free_digest(digest);
}
