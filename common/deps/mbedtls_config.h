/*
 * mbedtls_config.h - the part of Mbed TLS that gets built: hashes and HMAC, nothing else.
 *
 * libjwt's Mbed TLS backend also knows RSA and elliptic curves and needs their declarations to
 * compile. With CUBBY_MBEDTLS_DECLARE they are declared, for compiling that backend alone; the
 * functions behind them are in mbedtls_absent.c and refuse.
 */
#ifndef CUBBY_MBEDTLS_CONFIG_H
#define CUBBY_MBEDTLS_CONFIG_H

#define MBEDTLS_MD_C
#define MBEDTLS_SHA224_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY

#ifdef CUBBY_MBEDTLS_DECLARE
#define MBEDTLS_AES_C
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_CIPHER_C
#define MBEDTLS_CTR_DRBG_C
#define MBEDTLS_ECDSA_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ENTROPY_C
#define MBEDTLS_OID_C
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_PKCS1_V21
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_PK_WRITE_C
#define MBEDTLS_RSA_C
#endif

#endif
