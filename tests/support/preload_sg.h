/* What a library needs that is preloaded under a helper, ours or the C one, to answer ioctl(SG_IO) in the kernel's place:
 * it defines sg_io, and includes this once. Other requests go to the kernel.
 */
#include <scsi/sg.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

static int sg_io(int fd, struct sg_io_hdr *hdr);

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return request == SG_IO ? sg_io(fd, argument) : (int)syscall(SYS_ioctl, fd, request, argument);
}

/* libcap-ng's: qemu-pr-helper ends when it may not take up a capability, which made-up devices do not ask for. */
int capng_change_id(int uid, int gid, int flags)
{
    (void)uid, (void)gid, (void)flags;
    return 0;
}
