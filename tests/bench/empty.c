/*
 * empty.c - the floor of every measurement: a CGI program that answers and does nothing else.
 */
#include <unistd.h>

int main(void)
{
    static const char answer[] = "Status: 200 OK\r\nContent-Type: application/json\r\n"
                                 "Content-Length: 2\r\n\r\n{}";
    return write(STDOUT_FILENO, answer, sizeof answer - 1) == sizeof answer - 1 ? 0 : 1;
}
