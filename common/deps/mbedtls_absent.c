/*
 * mbedtls_absent.c - the asymmetric half of Mbed TLS, refused.
 *
 * libjwt's backend calls these for RSA and elliptic-curve keys. cubby takes symmetric keys only,
 * and the key file is refused before such a call could happen; so instead of a hundred kilobytes of
 * big numbers in every program there is one answer here: not supported.
 */
#define CUBBY_MBEDTLS_DECLARE
#include <string.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform.h>
#include <mbedtls/rsa.h>

enum { REFUSED = MBEDTLS_ERR_PLATFORM_FEATURE_UNSUPPORTED };

/* Random numbers for signing: the seed fails, and with it every signature. */
void mbedtls_entropy_init(mbedtls_entropy_context *ctx)
{
    memset(ctx, 0, sizeof *ctx);
}

void mbedtls_entropy_free(mbedtls_entropy_context *ctx)
{
    (void)ctx;
}

int mbedtls_entropy_func(void *data, unsigned char *output, size_t len)
{
    (void)data, (void)output, (void)len;
    return REFUSED;
}

void mbedtls_ctr_drbg_init(mbedtls_ctr_drbg_context *ctx)
{
    memset(ctx, 0, sizeof *ctx);
}

void mbedtls_ctr_drbg_free(mbedtls_ctr_drbg_context *ctx)
{
    (void)ctx;
}

int mbedtls_ctr_drbg_seed(mbedtls_ctr_drbg_context *ctx,
                          int (*f_entropy)(void *, unsigned char *, size_t), void *p_entropy,
                          const unsigned char *custom, size_t len)
{
    (void)ctx, (void)f_entropy, (void)p_entropy, (void)custom, (void)len;
    return REFUSED;
}

int mbedtls_ctr_drbg_random(void *p_rng, unsigned char *output, size_t output_len)
{
    (void)p_rng, (void)output, (void)output_len;
    return REFUSED;
}

/* Keys: none can be parsed, so nothing further down is reached with one. */
void mbedtls_pk_init(mbedtls_pk_context *ctx)
{
    memset(ctx, 0, sizeof *ctx);
}

void mbedtls_pk_free(mbedtls_pk_context *ctx)
{
    (void)ctx;
}

int mbedtls_pk_parse_key(mbedtls_pk_context *ctx, const unsigned char *key, size_t keylen,
                         const unsigned char *pwd, size_t pwdlen,
                         int (*f_rng)(void *, unsigned char *, size_t), void *p_rng)
{
    (void)ctx, (void)key, (void)keylen, (void)pwd, (void)pwdlen, (void)f_rng, (void)p_rng;
    return REFUSED;
}

int mbedtls_pk_parse_public_key(mbedtls_pk_context *ctx, const unsigned char *key, size_t keylen)
{
    (void)ctx, (void)key, (void)keylen;
    return REFUSED;
}

int mbedtls_pk_can_do(const mbedtls_pk_context *ctx, mbedtls_pk_type_t type)
{
    (void)ctx, (void)type;
    return 0;
}

mbedtls_pk_type_t mbedtls_pk_get_type(const mbedtls_pk_context *ctx)
{
    (void)ctx;
    return MBEDTLS_PK_NONE;
}

int mbedtls_rsa_set_padding(mbedtls_rsa_context *ctx, int padding, mbedtls_md_type_t hash_id)
{
    (void)ctx, (void)padding, (void)hash_id;
    return REFUSED;
}

int mbedtls_rsa_pkcs1_sign(mbedtls_rsa_context *ctx, int (*f_rng)(void *, unsigned char *, size_t),
                           void *p_rng, mbedtls_md_type_t md_alg, unsigned int hashlen,
                           const unsigned char *hash, unsigned char *sig)
{
    (void)ctx, (void)f_rng, (void)p_rng, (void)md_alg, (void)hashlen, (void)hash, (void)sig;
    return REFUSED;
}

int mbedtls_rsa_rsassa_pss_sign(mbedtls_rsa_context *ctx,
                                int (*f_rng)(void *, unsigned char *, size_t), void *p_rng,
                                mbedtls_md_type_t md_alg, unsigned int hashlen,
                                const unsigned char *hash, unsigned char *sig)
{
    (void)ctx, (void)f_rng, (void)p_rng, (void)md_alg, (void)hashlen, (void)hash, (void)sig;
    return REFUSED;
}

int mbedtls_rsa_pkcs1_verify(mbedtls_rsa_context *ctx, mbedtls_md_type_t md_alg,
                             unsigned int hashlen, const unsigned char *hash,
                             const unsigned char *sig)
{
    (void)ctx, (void)md_alg, (void)hashlen, (void)hash, (void)sig;
    return REFUSED;
}

int mbedtls_rsa_rsassa_pss_verify(mbedtls_rsa_context *ctx, mbedtls_md_type_t md_alg,
                                  unsigned int hashlen, const unsigned char *hash,
                                  const unsigned char *sig)
{
    (void)ctx, (void)md_alg, (void)hashlen, (void)hash, (void)sig;
    return REFUSED;
}

void mbedtls_ecdsa_init(mbedtls_ecdsa_context *ctx)
{
    memset(ctx, 0, sizeof *ctx);
}

void mbedtls_ecdsa_free(mbedtls_ecdsa_context *ctx)
{
    (void)ctx;
}

int mbedtls_ecdsa_from_keypair(mbedtls_ecdsa_context *ctx, const mbedtls_ecp_keypair *key)
{
    (void)ctx, (void)key;
    return REFUSED;
}

int mbedtls_ecdsa_sign(mbedtls_ecp_group *grp, mbedtls_mpi *r, mbedtls_mpi *s, const mbedtls_mpi *d,
                       const unsigned char *buf, size_t blen,
                       int (*f_rng)(void *, unsigned char *, size_t), void *p_rng)
{
    (void)grp, (void)r, (void)s, (void)d, (void)buf, (void)blen, (void)f_rng, (void)p_rng;
    return REFUSED;
}

int mbedtls_ecdsa_verify(mbedtls_ecp_group *grp, const unsigned char *buf, size_t blen,
                         const mbedtls_ecp_point *Q, const mbedtls_mpi *r, const mbedtls_mpi *s)
{
    (void)grp, (void)buf, (void)blen, (void)Q, (void)r, (void)s;
    return REFUSED;
}

void mbedtls_mpi_init(mbedtls_mpi *X)
{
    memset(X, 0, sizeof *X);
}

void mbedtls_mpi_free(mbedtls_mpi *X)
{
    (void)X;
}

int mbedtls_mpi_read_binary(mbedtls_mpi *X, const unsigned char *buf, size_t buflen)
{
    (void)X, (void)buf, (void)buflen;
    return REFUSED;
}

int mbedtls_mpi_write_binary(const mbedtls_mpi *X, unsigned char *buf, size_t buflen)
{
    (void)X, (void)buf, (void)buflen;
    return REFUSED;
}
