/*
 * empty_fcgi.c - the floor of what stays: a FastCGI program that answers every request with the
 * same bytes and does nothing else. Never installed.
 */
#include <stdlib.h>

#include <fcgiapp.h>

int main(void)
{
    static const char answer[] = "Status: 200 OK\r\nContent-Type: application/json\r\n"
                                 "Content-Length: 2\r\n\r\n{}";
    FCGX_Request request;
    if (FCGX_Init() != 0 || FCGX_InitRequest(&request, 0, 0) != 0) {
        return EXIT_FAILURE;
    }
    while (FCGX_Accept_r(&request) == 0) {
        (void)FCGX_PutStr(answer, sizeof answer - 1, request.out);
        FCGX_Finish_r(&request);
    }
    return EXIT_SUCCESS;
}
