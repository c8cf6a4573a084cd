/* A library to preload under a helper: it answers ioctl(SG_IO) as the test says, whatever the descriptor is of.
 *
 *     gcc -O2 -shared -fPIC -o fake_device.so fake_device.c
 *     FAKE_DEVICE=FILE LD_PRELOAD=fake_device.so qemu-pr-helper ...
 *
 * FILE is memory shared with the test (fake_device.py has the same structure): what to answer, and what was sent. What is
 * done with a descriptor of /dev/zero hangs while `held` has its bit; `fake_device_release`, called in the test's process,
 * lets it go on. A command for /dev/full takes 50 ms.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64 /* so that fstat here is what Python calls, fstat64 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "preload_sg.h"

#define MOST_DATA 8192
#define MOST_SENSE 96

enum { HELD_SG_IO = 1, HELD_FSTAT = 2, HELD_CLOSE = 4 };

struct fake_device {
    /* the test's to write */
    int32_t error; /* errno; 0 for the answer below */
    int32_t status, host_status, driver_status;
    int32_t sense_length;
    int32_t resid;
    uint32_t held;
    uint8_t sense[MOST_SENSE];
    uint8_t data[MOST_DATA];
    /* the library's to write */
    uint32_t commands, hanging;
    int32_t interface_id, direction, cmd_len, mx_sb_len, iovec_count, dxfer_len, timeout, flags;
    uint8_t cdb[16];
    uint8_t sent[MOST_DATA];
};

const uint32_t fake_device_size = sizeof(struct fake_device);

static struct fake_device *device;

__attribute__((constructor)) static void map(void)
{
    const char *path = getenv("FAKE_DEVICE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *memory = mmap(NULL, sizeof *device, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED)
        device = memory;
}

static int is_held(uint32_t call)
{
    return device && __atomic_load_n(&device->held, __ATOMIC_ACQUIRE) & call;
}

static int is_memory_device(int fd, unsigned number)
{
    struct stat st;
    return !fstatat(fd, "", &st, AT_EMPTY_PATH) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, number);
}

static void wait_if_held(int fd, uint32_t call)
{
    if (!is_held(call) || !is_memory_device(fd, 5))
        return;
    __atomic_add_fetch(&device->hanging, 1, __ATOMIC_ACQ_REL);
    while (is_held(call))
        syscall(SYS_futex, &device->held, FUTEX_WAIT, device->held | call, NULL, NULL, 0);
    __atomic_sub_fetch(&device->hanging, 1, __ATOMIC_ACQ_REL);
}

int fstat(int fd, struct stat *st)
{
    wait_if_held(fd, HELD_FSTAT);
    return fstatat(fd, "", st, AT_EMPTY_PATH);
}

int close(int fd)
{
    wait_if_held(fd, HELD_CLOSE);
    return syscall(SYS_close, fd);
}

void fake_device_release(struct fake_device *shared)
{
    __atomic_store_n(&shared->held, 0, __ATOMIC_RELEASE);
    syscall(SYS_futex, &shared->held, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void wait_if_slow(int fd)
{
    struct timespec duration = { .tv_nsec = 50 * 1000 * 1000 };
    if (is_memory_device(fd, 7))
        nanosleep(&duration, NULL);
}

static void record(const struct sg_io_hdr *hdr)
{
    device->interface_id = hdr->interface_id;
    device->direction = hdr->dxfer_direction;
    device->cmd_len = hdr->cmd_len;
    device->mx_sb_len = hdr->mx_sb_len;
    device->iovec_count = hdr->iovec_count;
    device->dxfer_len = hdr->dxfer_len;
    device->timeout = hdr->timeout;
    device->flags = hdr->flags;
    memcpy(device->cdb, hdr->cmdp, hdr->cmd_len < 16 ? hdr->cmd_len : 16);
    if (hdr->dxfer_direction == SG_DXFER_TO_DEV)
        memcpy(device->sent, hdr->dxferp, hdr->dxfer_len < MOST_DATA ? hdr->dxfer_len : MOST_DATA);
}

static int answer(struct sg_io_hdr *hdr)
{
    if (device->error) {
        errno = device->error;
        return -1;
    }
    hdr->status = device->status;
    hdr->host_status = device->host_status;
    hdr->driver_status = device->driver_status;
    hdr->resid = device->resid;
    hdr->sb_len_wr = device->sense_length < hdr->mx_sb_len ? device->sense_length : hdr->mx_sb_len;
    memcpy(hdr->sbp, device->sense, hdr->sb_len_wr);
    if (hdr->dxfer_direction == SG_DXFER_FROM_DEV)
        memcpy(hdr->dxferp, device->data, hdr->dxfer_len < MOST_DATA ? hdr->dxfer_len : MOST_DATA);
    return 0;
}

static int sg_io(int fd, struct sg_io_hdr *hdr)
{
    if (!device)
        return syscall(SYS_ioctl, fd, SG_IO, hdr);

    __atomic_add_fetch(&device->commands, 1, __ATOMIC_ACQ_REL);
    record(hdr);
    wait_if_held(fd, HELD_SG_IO);
    wait_if_slow(fd);
    return answer(hdr);
}
