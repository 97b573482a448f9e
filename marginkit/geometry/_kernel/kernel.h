/* marginkit's compiled kernel: plain C99, no Python. Called through ctypes, which lets go of the interpreter.

   Every function answers exactly what the NumPy route beside its caller answers, bit by bit. Nothing here allocates
   but trees and searches, nothing keeps state between calls, and all arrays are contiguous and checked by the caller.

   A mask is a table of rows, 64 pixels to a word: bit k of word j is pixel 64 * j + k, and at least one zero bit
   closes each row. Functions over rows take a range of them, so that the caller can share them out among threads. */
#ifndef MARGINKIT_KERNEL_H
#define MARGINKIT_KERNEL_H

#include <stdint.h>

#ifdef _WIN32
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

/* A function marked WIDE_VECTORS is compiled for vectors of 32 bytes, and called only where the processor has them.
   Its statements are the portable ones, without fused multiply-add: its answers are the same, bit by bit. */
#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__) && !defined(_WIN32)
#define WIDE_VECTORS __attribute__((target("avx2")))
static inline int has_wide_vectors(void) { return __builtin_cpu_supports("avx2"); }
#else
#define WIDE_VECTORS
static inline int has_wide_vectors(void) { return 0; }
#endif
#if defined(__GNUC__) || defined(__clang__)
#define ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define ALWAYS_INLINE inline
#endif

/* A mask as words. shape: of the mask in pixels, ndim of them; rows: product of all but the last. */
typedef struct {
    const uint64_t *words;
    int64_t words_a_row;
    int64_t rows;
    int64_t shape[3];
    int64_t ndim;
} Mask;

/* Number of zero bits below the lowest set bit; word is not 0. */
static inline int lowest_bit(uint64_t word) {
#if defined(__GNUC__) || defined(__clang__)
    return __builtin_ctzll(word);
#else
    int n = 0;
    while (!(word & 1)) { word >>= 1; n++; }
    return n;
#endif
}

static inline int bits_set(uint64_t word) {
    word -= (word >> 1) & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + ((word >> 2) & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (int)((word * 0x0101010101010101u) >> 56);
}

/* Bits of a step along one of ndim axes, spread so that those of the others fit between: a place on a Z-curve. */
static inline uint64_t spread_bits(uint64_t x, int64_t ndim) {
    if (ndim == 2) {
        x = (x | x << 8) & 0x00ff00ffu;
        x = (x | x << 4) & 0x0f0f0f0fu;
        x = (x | x << 2) & 0x33333333u;
        return (x | x << 1) & 0x55555555u;
    }
    x = (x | x << 16) & 0x030000ffu;
    x = (x | x << 8) & 0x0300f00fu;
    x = (x | x << 4) & 0x030c30c3u;
    return (x | x << 2) & 0x09249249u;
}

/* 64 bytes of 0 or 1 to a word, the first to its lowest bit. */
uint64_t packed_bytes(const uint8_t *bytes);

/* Sort n > 0 items by their upper 32 bits, the key; below them is the place, in whose order equal keys stay.
   Returns where the sorted ones are: item or spare. */
uint64_t *sort_by_key(uint64_t *item, uint64_t *spare, int64_t n);

#endif
