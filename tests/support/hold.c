/* Preloaded: holds up one system call of a process, or lets it fail, when a test says so (hold.py).
 *
 * HOLD_DIRECTORY is a folder. A call named NAME looks for the file NAME there and takes it by renaming it to NAME.held,
 * so that exactly one call is concerned. With an errno in the file the call fails with it; else it waits, before it goes
 * to the kernel, until NAME.held is gone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Whether the call is to fail; errno is set then. */
static int held(const char *name)
{
    const char *directory = getenv("HOLD_DIRECTORY");
    char armed[512], taken[512];
    int before = errno, error = 0;
    if (!directory)
        return 0;
    snprintf(armed, sizeof armed, "%s/%s", directory, name);
    snprintf(taken, sizeof taken, "%s/%s.held", directory, name);
    if (rename(armed, taken) == 0) {
        FILE *file = fopen(taken, "r");
        if (file && fscanf(file, "%d", &error) != 1)
            error = 0;
        if (file)
            fclose(file);
        while (!error && access(taken, F_OK) == 0)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    errno = error ? error : before;
    return error != 0;
}

#define NEXT(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
    const char *name = op == EPOLL_CTL_ADD ? "epoll_ctl_add" : op == EPOLL_CTL_MOD ? "epoll_ctl_mod" : "epoll_ctl_del";
    return held(name) ? -1 : NEXT(epoll_ctl)(epfd, op, fd, event);
}

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    return held("accept") ? -1 : NEXT(accept4)(fd, address, length, flags);
}

ssize_t send(int fd, const void *data, size_t length, int flags)
{
    return held("send") ? -1 : NEXT(send)(fd, data, length, flags);
}

ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t size)
{
    return held("sendto") ? -1 : NEXT(sendto)(fd, data, length, flags, to, size);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return held("sendmsg") ? -1 : NEXT(sendmsg)(fd, message, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    int many = message->msg_controllen > CMSG_SPACE(100 * sizeof(int)); /* descriptors: a handover */
    return many && held("recvmsg_many") ? -1 : NEXT(recvmsg)(fd, message, flags);
}

int unshare(int flags)
{
    return held("unshare") ? -1 : NEXT(unshare)(flags);
}

int close_range(unsigned int first, unsigned int last, int flags)
{
    return held("close_range") ? -1 : NEXT(close_range)(first, last, flags);
}

int unlink(const char *path)
{
    return held("unlink") ? -1 : NEXT(unlink)(path);
}
