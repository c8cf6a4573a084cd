/* A library to preload under sg_persist: what it sends by ioctl(SG_IO) goes to a helper, as QEMU would send it.
 *
 *     LD_PRELOAD=sg_redirect.so HELPER_CONNECTION=FD sg_persist ... FILE
 *
 * FD is a connection to the helper on which the features have been exchanged. INQUIRY is answered here.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../support/preload_sg.h"

#define MOST_DATA 8192

static int send_with_descriptor(int connection, const uint8_t *cdb, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec bytes = {.iov_base = (void *)cdb, .iov_len = 16};
    struct msghdr message = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    return sendmsg(connection, &message, 0) == 16;
}

static int receive(int connection, void *data, size_t size)
{
    return size == 0 || recv(connection, data, size, MSG_WAITALL) == (ssize_t)size;
}

static int inquiry(struct sg_io_hdr *hdr)
{
    uint8_t data[36] = {[2] = 6, [3] = 2, [4] = 31};
    memcpy(data + 8, "PRHELPEREMULATED UNIT   0001", 28);
    memcpy(hdr->dxferp, data, hdr->dxfer_len < sizeof data ? hdr->dxfer_len : sizeof data);
    return 0;
}

static int sg_io(int fd, struct sg_io_hdr *hdr)
{
    struct {
        int32_t status, size;
        uint8_t sense[96];
    } reply;
    uint8_t cdb[16] = {0}, data[MOST_DATA];
    const char *number = getenv("HELPER_CONNECTION");
    int connection = number ? atoi(number) : -1;

    if (hdr->cmdp[0] == 0x12)
        return inquiry(hdr);
    memcpy(cdb, hdr->cmdp, hdr->cmd_len < 16 ? hdr->cmd_len : 16);
    if (!send_with_descriptor(connection, cdb, fd))
        return -1;
    if (hdr->dxfer_direction == SG_DXFER_TO_DEV && send(connection, hdr->dxferp, hdr->dxfer_len, 0) < 0)
        return -1;
    if (!receive(connection, &reply, sizeof reply) || ntohl(reply.size) > sizeof data ||
        !receive(connection, data, ntohl(reply.size))) {
        errno = EIO;
        return -1;
    }

    int status = ntohl(reply.status), size = ntohl(reply.size);
    if (hdr->dxfer_direction == SG_DXFER_FROM_DEV) {
        hdr->resid = hdr->dxfer_len - size;
        memcpy(hdr->dxferp, data, size);
    }
    hdr->status = status;
    hdr->masked_status = status >> 1 & 0x1f;
    if (status == 2) {
        hdr->sb_len_wr = hdr->mx_sb_len < 18 ? hdr->mx_sb_len : 18;
        memcpy(hdr->sbp, reply.sense, hdr->sb_len_wr);
    }
    return 0;
}
