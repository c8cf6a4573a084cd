/* A library to preload under QEMU: every device is a SCSI disk then, which says GOOD to all commands and keeps nothing.
 *
 * QEMU passes the device's descriptor to its helper, which asks the kernel, and learns that it is no SCSI device.
 */
#include <scsi/sg.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SG_VERSION 30536

static int sg_io(struct sg_io_hdr *hdr)
{
    hdr->status = hdr->host_status = hdr->driver_status = hdr->sb_len_wr = hdr->resid = 0;
    if (hdr->dxfer_direction == SG_DXFER_FROM_DEV)
        memset(hdr->dxferp, 0, hdr->dxfer_len); /* of an INQUIRY: a disk */
    return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    switch (request) {
    case SG_GET_VERSION_NUM:
        *(int *)argument = SG_VERSION;
        return 0;
    case SG_IO:
        return sg_io(argument);
    default:
        return (int)syscall(SYS_ioctl, fd, request, argument);
    }
}
