/* A library to preload under a helper: it answers ioctl(SG_IO) itself, after a while, whatever the descriptor is of.
 *
 *     gcc -O2 -shared -fPIC -o slow_sg.so slow_sg.c
 *     SLOW_SG_US=300 LD_PRELOAD=slow_sg.so qemu-pr-helper ...
 *
 * SLOW_SG_US     how long a command takes, in microseconds; 0: no longer than entering the kernel does
 * SLOW_SG_HOLD   a file. A command to /dev/zero hangs while somebody holds a lock on it (flock); the file's first four
 *                bytes count the commands that hang.
 * SLOW_SG_EVERY, SLOW_SG_EVERY_US
 *                each so many commands to /dev/full, one takes so long
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "../tests/support/preload_sg.h"
#include "answer.h"

#define RESERVATION_CONFLICT 0x18
#define HANGING makedev(1, 5)         /* /dev/zero */
#define SOMETIMES_SLOW makedev(1, 7) /* /dev/full */

static const char *hold;
static uint32_t *hanging;
static long usual_us, every, every_us;

static long setting(const char *name)
{
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

__attribute__((constructor)) static void read_settings(void)
{
    usual_us = setting("SLOW_SG_US");
    every = setting("SLOW_SG_EVERY");
    every_us = setting("SLOW_SG_EVERY_US");
    hold = getenv("SLOW_SG_HOLD");
    int fd = hold ? open(hold, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    hanging = mmap(NULL, sizeof *hanging, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (hanging == MAP_FAILED)
        abort();
}

/* A device is as fast under one process as under another. A sleep is not: the kernel may add the thread's timer slack, 50
 * us unless the process has chosen another, as QEMU's programs do.
 */
static void take(long us)
{
    struct timespec time = { us / 1000000, us % 1000000 * 1000 };
    if (!us) {
        syscall(SYS_getppid);
        return;
    }
    int slack = prctl(PR_GET_TIMERSLACK);
    prctl(PR_SET_TIMERSLACK, 1);
    nanosleep(&time, NULL);
    prctl(PR_SET_TIMERSLACK, slack);
}

static void hang(void)
{
    int fd = open(hold, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        abort();
    __atomic_add_fetch(hanging, 1, __ATOMIC_ACQ_REL);
    while (flock(fd, LOCK_SH))
        ;
    __atomic_sub_fetch(hanging, 1, __ATOMIC_ACQ_REL);
    close(fd);
}

static int is_slow_one(void)
{
    static unsigned long commands;
    return every && __atomic_add_fetch(&commands, 1, __ATOMIC_RELAXED) % every == 0;
}

/* The load makes the parameter list of PERSISTENT RESERVE OUT as the device makes its answer to PERSISTENT RESERVE IN: a
 * list that came with another CDB is a RESERVATION CONFLICT, which the load takes for a wrong answer.
 */
static void answer(struct sg_io_hdr *hdr, unsigned device)
{
    unsigned char data[ANSWER_SIZE];
    unsigned size = hdr->dxfer_len < ANSWER_SIZE ? hdr->dxfer_len : ANSWER_SIZE;
    make_answer(data, hdr->cmdp, device);
    hdr->status = hdr->host_status = hdr->driver_status = hdr->sb_len_wr = 0;
    if (hdr->dxfer_direction == SG_DXFER_TO_DEV && memcmp(hdr->dxferp, data, size))
        hdr->status = RESERVATION_CONFLICT;
    hdr->resid = hdr->dxfer_len - size;
    if (hdr->dxfer_direction == SG_DXFER_FROM_DEV)
        memcpy(hdr->dxferp, data, size);
}

static int sg_io(int fd, struct sg_io_hdr *hdr)
{
    struct stat st;
    if (fstat(fd, &st))
        return -1;
    if (hanging && st.st_rdev == HANGING)
        hang();
    take(st.st_rdev == SOMETIMES_SLOW && is_slow_one() ? every_us : usual_us);
    answer(hdr, minor(st.st_rdev));
    return 0;
}
