/* A library to preload under a helper: it answers ioctl(SG_IO) itself, and at random it takes its time, now for nothing,
 * now for much longer than the helper calls a stall. So do fstat and close of a passed descriptor.
 *
 *     gcc -O2 -shared -fPIC -o stalling_sg.so stalling_sg.c
 *     STALL_SEED=1 LD_PRELOAD=stalling_sg.so python3 -m prhelper ...
 *
 * Bytes 2 to 6 of PERSISTENT RESERVE IN are reserved: the client's tag. The data is the tag, over and over, added to the
 * device's minor number. PERSISTENT RESERVE OUT must bring such data; anything else is answered with status BUSY.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64 /* so that fstat here is what Python calls, fstat64 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "../../support/preload_sg.h"

#define TAG 2
#define TAG_SIZE 5
#define BUSY 0x08

static unsigned chance(void)
{
    static unsigned drawn;
    static unsigned seed;
    if (!seed)
        seed = getenv("STALL_SEED") ? atoi(getenv("STALL_SEED")) | 1 : 1;
    unsigned x = (__atomic_add_fetch(&drawn, 1, __ATOMIC_RELAXED) + seed) * 2654435761u;
    return (x ^ x >> 15) % 1000;
}

static void take(long us)
{
    struct timespec time = { 0, us * 1000 };
    nanosleep(&time, NULL);
}

static int is_memory_device(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && major(st->st_rdev) == 1;
}

int fstat(int fd, struct stat *st)
{
    int result = fstatat(fd, "", st, AT_EMPTY_PATH);
    if (result == 0 && is_memory_device(st) && chance() < 5)
        take(4000);
    return result;
}

int close(int fd)
{
    struct stat st;
    if (fstatat(fd, "", &st, AT_EMPTY_PATH) == 0 && is_memory_device(&st) && chance() < 5)
        take(4000);
    return syscall(SYS_close, fd);
}

static void stall(void)
{
    unsigned roll = chance();
    if (roll < 10)
        take(20000);
    else if (roll < 50)
        take(2500);
    else if (roll < 200)
        take(300);
}

static int sg_io(int fd, struct sg_io_hdr *hdr)
{
    struct stat st;
    unsigned char data[8192];
    if (fstatat(fd, "", &st, AT_EMPTY_PATH))
        return -1;
    stall();
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = hdr->cmdp[TAG + i % TAG_SIZE] + minor(st.st_rdev);
    hdr->status = hdr->host_status = hdr->driver_status = hdr->sb_len_wr = hdr->resid = 0;
    if (hdr->dxfer_direction == SG_DXFER_FROM_DEV)
        memcpy(hdr->dxferp, data, hdr->dxfer_len);
    else if (memcmp(hdr->dxferp, data, hdr->dxfer_len))
        hdr->status = BUSY;
    return 0;
}
