/* A library to preload under a helper: it says when a file reaches the disk, and whether.
 *
 * While the file named by HELD_SYNC is there, fsync and fdatasync wait; while that named by BROKEN_SYNC is, they fail.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_there(const char *variable)
{
    const char *path = getenv(variable);
    return path && access(path, F_OK) == 0;
}

static int sync_by(long number, int fd)
{
    while (is_there("HELD_SYNC"))
        usleep(1000);
    if (is_there("BROKEN_SYNC")) {
        errno = EIO;
        return -1;
    }
    return syscall(number, fd);
}

int fsync(int fd)
{
    return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_by(SYS_fdatasync, fd);
}
