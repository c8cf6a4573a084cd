/* Closed-loop load on a persistent reservation helper: each client is a thread with a connection of its own, and sends a
 * PERSISTENT RESERVE IN, or OUT, with a descriptor of the device, waits for the answer, checks it, and sends the next.
 *
 *     gcc -O2 -pthread -o load load.c && ./load --socket PATH --clients 16 --seconds 1
 *
 * Prints one line of JSON, times in microseconds; `seconds` and `ended_at` (CLOCK_MONOTONIC) are seconds. Exit status 3
 * if a client got no answer in time; 1, with the reason, if an answer was wrong or there was any other trouble.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"

#define ALLOCATION_LENGTH 32
#define PARAMETER_LIST_LENGTH ANSWER_SIZE
#define HEADER 104 /* status and size, four bytes each, 96 of sense */
#define NO_ANSWER 3

static const char *path, *device = "/dev/null";
static long clients = 1, requests = 100000, warm_up = 20, pause_us, idle, give_up_ms = 20000;
static double seconds = 3600;
static int hold, out;

static pthread_barrier_t ready;
static double began; /* when all were ready */

struct client {
    int number, connection, fd;
    unsigned minor;
    long count; /* of latencies */
    double *latency;
    unsigned sent;
    pthread_t thread;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

__attribute__((noreturn, format(printf, 2, 3))) static void fail(int status, const char *format, ...)
{
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&once); /* for good: whoever fails next waits for the end */
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "load: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    _exit(status);
}

static void receive(struct client *c, unsigned char *p, size_t n)
{
    while (n > 0) {
        ssize_t r = recv(c->connection, p, n, 0);
        if (r == 0)
            fail(1, "client %d: hung up on after %u requests", c->number, c->sent);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 && errno == EAGAIN)
            fail(NO_ANSWER, "client %d: no answer for %ld ms", c->number, give_up_ms);
        if (r < 0)
            fail(1, "client %d: recv: %s", c->number, strerror(errno));
        p += r;
        n -= r;
    }
}

/* The helper may not be there yet. */
static void connect_client(struct client *c)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    struct timeval limit = { give_up_ms / 1000, give_up_ms % 1000 * 1000 };
    double until = now() + give_up_ms * 1e-3;
    struct stat st;
    unsigned char features[4];

    strncpy(to.sun_path, path, sizeof to.sun_path - 1);
    c->fd = open(device, O_RDWR);
    if (c->fd < 0 || fstat(c->fd, &st))
        fail(1, "%s: %s", device, strerror(errno));
    c->minor = minor(st.st_rdev);
    c->connection = socket(AF_UNIX, SOCK_STREAM, 0);
    if (c->connection < 0)
        fail(1, "socket: %s", strerror(errno));
    setsockopt(c->connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    while (connect(c->connection, (struct sockaddr *)&to, sizeof to)) {
        if ((errno != ENOENT && errno != ECONNREFUSED) || now() > until)
            fail(1, "client %d: connect to %s: %s", c->number, path, strerror(errno));
        usleep(500);
    }
    receive(c, features, 4);
    memset(features, 0, 4);
    if (send(c->connection, features, 4, MSG_NOSIGNAL) != 4)
        fail(1, "client %d: send: %s", c->number, strerror(errno));
}

static unsigned number_at(const unsigned char *p)
{
    return (unsigned)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static void command(struct client *c)
{
    unsigned n = c->sent++, who = c->number;
    unsigned size = out ? PARAMETER_LIST_LENGTH : ALLOCATION_LENGTH, expected_size = out ? 0 : ANSWER_SIZE;
    unsigned char cdb[16] = { out ? 0x5f : 0x5e, 0, who >> 8, who, n >> 16, n >> 8, n, 0, size };
    unsigned char reply[HEADER + ALLOCATION_LENGTH], made[ANSWER_SIZE];
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = { cdb, sizeof cdb };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

    memset(control, 0, sizeof control);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &c->fd, sizeof(int));
    if (sendmsg(c->connection, &msg, MSG_NOSIGNAL) != sizeof cdb)
        fail(1, "client %d: sendmsg: %s", c->number, strerror(errno));
    make_answer(made, cdb, c->minor);
    if (out && send(c->connection, made, sizeof made, MSG_NOSIGNAL) != sizeof made)
        fail(1, "client %d: send: %s", c->number, strerror(errno));

    receive(c, reply, HEADER);
    unsigned status = number_at(reply);
    size = number_at(reply + 4);
    if (status != 0 || size != expected_size)
        fail(1, "client %d, request %u: status %#x with %u bytes", c->number, n, status, size);
    receive(c, reply + HEADER, size);
    if (memcmp(reply + HEADER, made, size))
        fail(1, "client %d, request %u: the data of another request", c->number, n);
}

static void *run_client(void *argument)
{
    struct client *c = argument;

    connect_client(c);
    for (long i = 0; i < warm_up; i++)
        command(c);
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&ready); /* `began` is set now */
    while (c->count < requests && now() < began + seconds) {
        if (pause_us)
            usleep(pause_us);
        double before = now();
        command(c);
        c->latency[c->count++] = now() - before;
    }
    char byte;
    if (recv(c->connection, &byte, 1, MSG_DONTWAIT) >= 0)
        fail(1, "client %d: an answer to nothing, or hung up on", c->number);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_results(struct client *all, double ended)
{
    long n = 0;
    for (long i = 0; i < clients; i++)
        n += all[i].count;
    double *latency = calloc(n + 1, sizeof *latency), *end = latency; /* one zero if there are none */
    for (long i = 0; i < clients; i++) {
        memcpy(end, all[i].latency, all[i].count * sizeof *end);
        end += all[i].count;
    }
    qsort(latency, n, sizeof *latency, by_value);
    printf("{\"requests\": %ld, \"requests_per_second\": %.1f, \"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f, "
           "\"seconds\": %.6f, \"ended_at\": %.6f}\n",
           n, n / (ended - began), latency[n / 2] * 1e6, latency[n * 99 / 100] * 1e6, latency[n ? n - 1 : 0] * 1e6,
           ended - began, ended);
    fflush(stdout);
}

static void usage(void)
{
    fprintf(stderr, "usage: load --socket PATH [OPTIONS]\n"
                    "  --device PATH   whose descriptor goes with each command (/dev/null)\n"
                    "  --out           send PERSISTENT RESERVE OUT instead of IN\n"
                    "  --clients N     how many at once (1)\n"
                    "  --requests N    of each client at most (100000)\n"
                    "  --seconds S     how long at most (an hour)\n"
                    "  --warm-up N     requests of each client before, which do not count (20)\n"
                    "  --pause-us N    before each request (0)\n"
                    "  --idle N        clients more that send one command each, and then stay and are silent (0)\n"
                    "  --hold          stay connected after the results, until standard input ends\n"
                    "  --give-up-ms N  how long to wait for an answer, and for the helper to listen (20000)\n");
    exit(2);
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {
        { "socket", 1, 0, 's' }, { "device", 1, 0, 'd' },   { "clients", 1, 0, 'c' },  { "requests", 1, 0, 'r' },
        { "seconds", 1, 0, 't' }, { "warm-up", 1, 0, 'w' }, { "pause-us", 1, 0, 'p' }, { "idle", 1, 0, 'i' },
        { "hold", 0, 0, 'h' },   { "out", 0, 0, 'o' },      { "give-up-ms", 1, 0, 'g' }, { 0 },
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 's': path = optarg; break;
        case 'd': device = optarg; break;
        case 'c': clients = atol(optarg); break;
        case 'r': requests = atol(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'w': warm_up = atol(optarg); break;
        case 'p': pause_us = atol(optarg); break;
        case 'i': idle = atol(optarg); break;
        case 'h': hold = 1; break;
        case 'o': out = 1; break;
        case 'g': give_up_ms = atol(optarg); break;
        default: usage();
        }
    }
    if (!path || optind != argc)
        usage();
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    struct client *all = calloc(clients + idle, sizeof *all);
    pthread_attr_t small;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    pthread_barrier_init(&ready, NULL, clients + 1);
    for (long i = 0; i < clients + idle; i++)
        all[i].number = i;
    for (long i = clients; i < clients + idle; i++) { /* one after another, for they are no load */
        connect_client(&all[i]);
        command(&all[i]);
    }
    for (long i = 0; i < clients; i++) {
        all[i].latency = malloc(requests * sizeof(double)); /* touched only as far as it is used */
        if (!all[i].latency || pthread_create(&all[i].thread, &small, run_client, &all[i]))
            fail(1, "out of memory or threads");
    }
    pthread_barrier_wait(&ready);
    began = now();
    pthread_barrier_wait(&ready);
    for (long i = 0; i < clients; i++)
        pthread_join(all[i].thread, NULL);
    print_results(all, now());
    if (hold)
        while (getchar() != EOF)
            ;
    return 0;
}
