/*
 * send.c - an answer on its way to the client.
 */
#include "common/serve/loop.h"

/* Sends head and body with one call. Of a body that lies in a spool, the first part goes with the
 * head and the rest follows in parts. */
bool send_answer(struct transport *transport, const struct rendered *answer)
{
    struct spool *spool = answer->spool;
    if (spool == NULL) {
        return transport->send(transport, answer->head, answer->head_size, answer->body,
                               answer->body_size);
    }
    int64_t got = spool_read(spool, 0);
    bool sent = got > 0 && transport->send(transport, answer->head, answer->head_size,
                                           spool->buffer, (size_t)got);
    for (int64_t done = got; sent && done < spool->size; done += got) {
        got = spool_read(spool, done);
        sent = got > 0 && transport->send(transport, "", 0, spool->buffer, (size_t)got);
    }
    return sent;
}
