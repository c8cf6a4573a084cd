/* A library to preload under a helper: it says when a file reaches the disk, and whether.
 *
 * While the file named by HELD_SYNC is there, fsync and fdatasync wait; while that named by BROKEN_SYNC is, they fail.
 * Once that named by COUNTED_SYNC is, each is counted as it begins and as it ends, and the process is killed at the
 * count DIE_AT.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_there(const char *variable)
{
    const char *path = getenv(variable);
    return path && access(path, F_OK) == 0;
}

static void count(void)
{
    static int counted;
    const char *last = getenv("DIE_AT");
    if (is_there("COUNTED_SYNC") && ++counted == (last ? atoi(last) : 0))
        kill(getpid(), SIGKILL);
}

static int sync_by(long number, int fd)
{
    while (is_there("HELD_SYNC"))
        usleep(1000);
    if (is_there("BROKEN_SYNC")) {
        errno = EIO;
        return -1;
    }
    count();
    int result = syscall(number, fd);
    count();
    return result;
}

int fsync(int fd)
{
    return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_by(SYS_fdatasync, fd);
}
