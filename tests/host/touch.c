/* touch PAGES MILLISECONDS: writes to that many fresh pages (4 KiB each), half of them in a child, then computes so long. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void touch(size_t pages)
{
    enum { PAGE = 4096 };
    volatile unsigned char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        _exit(1);
    madvise((void *)memory, pages * PAGE, MADV_NOHUGEPAGE); /* a fault for each */
    for (size_t i = 0; i < pages; i++)
        memory[i * PAGE] = 1;
}

static void compute(long ms)
{
    struct timespec now;
    volatile unsigned sink = 0;
    do {
        for (unsigned i = 0; i < 1000; i++)
            sink += i;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    } while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < ms);
}

int main(int argc, char **argv)
{
    int status = 1;
    if (argc != 3)
        return 2;
    size_t pages = strtoul(argv[1], NULL, 10);
    pid_t child = fork();
    if (child == 0) {
        touch(pages / 2);
        _exit(0);
    }
    touch(pages - pages / 2);
    compute(atol(argv[2]));
    return child < 0 || waitpid(child, &status, 0) != child || status != 0;
}
