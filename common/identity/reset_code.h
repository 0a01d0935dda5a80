/*
 * reset_code.h - the one-time code with which a user who lost the password sets a new one. The
 * operator's tool makes and shows it; only its digest is stored.
 */
#ifndef CUBBY_COMMON_IDENTITY_RESET_CODE_H
#define CUBBY_COMMON_IDENTITY_RESET_CODE_H

#include <stdbool.h>

#include "common/base/digest.h"
#include "common/base/text.h"

/* 30 characters of 5 bits each, in groups of five: "7MZQ2-K4T9A-0XHBN-PD6WE-3VC8J-R5SGY" and a NUL.
 * With 150 bits a plain digest is enough to store it by. */
enum { RESET_CODE_BYTES = 30, RESET_CODE_TEXT_SIZE = 36 };

/* Writes the code made of RESET_CODE_BYTES random bytes. */
void reset_code_text(const unsigned char *bytes, char out[RESET_CODE_TEXT_SIZE]);

/* Writes the digest of CODE, as it is stored. A person may have typed the code: blanks, hyphens and
 * case are ignored, O counts as 0, and I and L as 1. False when the digest fails. */
bool reset_code_digest(struct text code, char out[DIGEST_TEXT_SIZE]);

#endif
