/* Vectors of floats, as wide as the processor has them, and the values of an image: float, or with -DBF16 bfloat16. */
#pragma once
#include <stdint.h>

/* LANES: floats of a vector. ROWS: rows that a product of matrices keeps in registers, by two vectors. -DNARROW: half of the widest
 * vectors, in as many registers. */
#if defined __AVX512VL__ && defined NARROW
enum { LANES = 8, ROWS = 12 };
#elif defined __AVX512F__ && defined NARROW
enum { LANES = 8, ROWS = 6 };
#elif defined __AVX512F__
enum { LANES = 16, ROWS = 12 };
#elif defined __AVX__
enum { LANES = 8, ROWS = 6 };
#else
enum { LANES = 4, ROWS = 6 };
#endif

#define INLINE inline __attribute__((always_inline))

typedef float V __attribute__((vector_size(LANES * sizeof(float))));
typedef float Loose __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

typedef int32_t Bits __attribute__((vector_size(LANES * sizeof(int32_t)))); /* what a comparison gives */

static INLINE V get(const float *p) { return *(const Loose *)p; }
static INLINE void put(float *p, V v) { *(Loose *)p = v; }
static INLINE V splat(float v) { return v - (V){0}; }

#ifdef BF16
typedef uint16_t T;
typedef uint32_t Word __attribute__((vector_size(LANES * sizeof(uint32_t))));
typedef uint16_t Half __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));

/* To the nearest, ties to even; a NaN stays one. Processors have instructions for that and for the way back, which a compiler does not
 * find. */
#if defined __AVX512BF16__ && defined __AVX512VL__ && !defined NARROW
#include <immintrin.h>
static INLINE V load(const T *p) { return (V)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16); }
static INLINE void store(T *p, V v) { _mm256_storeu_si256((__m256i *)p, (__m256i)_mm512_cvtneps_pbh((__m512)v)); }
#elif defined __AVX512BF16__ && defined __AVX512VL__
#include <immintrin.h>
static INLINE V load(const T *p) { return (V)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16); }
static INLINE void store(T *p, V v) { _mm_storeu_si128((__m128i *)p, (__m128i)_mm256_cvtneps_pbh((__m256)v)); }
#else
static INLINE V load(const T *p) { return (V)(__builtin_convertvector(*(const Half *)p, Word) << 16); }
static INLINE void store(T *p, V v) {
    Word bits = (Word)v, rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16, nan = (Word)(v != v);
    *(Half *)p = __builtin_convertvector((rounded & ~nan) | (0x7fc0 & nan), Half);
}
#endif
#else
typedef float T;
static INLINE V load(const T *p) { return get(p); }
static INLINE void store(T *p, V v) { put(p, v); }
#endif
