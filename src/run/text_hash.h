/* Hashes of text as TensorFlow takes them. */
#ifndef CUV_RUN_TEXT_HASH_H
#define CUV_RUN_TEXT_HASH_H

#include <stddef.h>
#include <stdint.h>

/* FarmHash's Fingerprint64 (farmhashna::Hash64). */
uint64_t cuv_farmhash64(const void *data, size_t size);
/* SipHash-2-4 with a key of two words. */
uint64_t cuv_siphash(const void *data, size_t size, uint64_t k0, uint64_t k1);
/* TensorFlow's FingerprintCat64: two fingerprints as one. */
uint64_t cuv_fingerprint_cat(uint64_t a, uint64_t b);

#endif
