/* What the slow device (slow_sg.c) answers and the load (load.c) expects: made from the request and the device, so that
 * an answer that belongs to another request, another client or another device is never taken for the right one.
 */
#define ANSWER_SIZE 24 /* as long as READ KEYS with two keys */
#define TAG 2          /* bytes 2 to 6 of PERSISTENT RESERVE IN are reserved: the load numbers its requests there */
#define TAG_SIZE 5

static void make_answer(unsigned char *answer, const unsigned char *cdb, unsigned device)
{
    for (unsigned i = 0; i < ANSWER_SIZE; i++)
        answer[i] = (cdb[TAG + i % TAG_SIZE] ^ 37 * i) + device;
}
