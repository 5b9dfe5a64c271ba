/* Vectors of floats, as wide as the processor has them, and the values of an image: float, or with -DBF16 bfloat16. */
#pragma once
#include <stdint.h>
#include <string.h>
#if defined __AVX512F__ || defined __FMA__
#include <immintrin.h>
#endif

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

static INLINE long min_of(long a, long b) { return a < b ? a : b; }
static INLINE long max_of(long a, long b) { return a > b ? a : b; }

typedef float V __attribute__((vector_size(LANES * sizeof(float))));
typedef float Loose __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

typedef int32_t Bits __attribute__((vector_size(LANES * sizeof(int32_t)))); /* what a comparison gives */

static INLINE V get(const float *p) { return *(const Loose *)p; }
static INLINE void put(float *p, V v) { *(Loose *)p = v; }
static INLINE V splat(float v) { return v - (V){0}; }

/* a * b + c, with one rounding where the processor has that: left to itself, a compiler fuses some copies of a loop and others not. */
#if defined __AVX512F__ && !defined NARROW
static INLINE V fused(V a, V b, V c) { return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
#elif defined __FMA__ && (defined __AVX512F__ || defined __AVX2__)
static INLINE V fused(V a, V b, V c) { return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
#else
static INLINE V fused(V a, V b, V c) { return a * b + c; }
#endif

/* Between `low` and `high`; a NaN stays one, as the instructions give their second operand then. */
#if defined __AVX512F__ && !defined NARROW
static INLINE V clip(V v, V low, V high) { return (V)_mm512_min_ps((__m512)high, _mm512_max_ps((__m512)low, (__m512)v)); }
#elif defined __FMA__ && (defined __AVX512F__ || defined __AVX2__)
static INLINE V clip(V v, V low, V high) { return (V)_mm256_min_ps((__m256)high, _mm256_max_ps((__m256)low, (__m256)v)); }
#else
static INLINE V clip(V v, V low, V high) {
    Bits below = v < low, above = v > high;
    return (V)(((Bits)v & ~below & ~above) | ((Bits)low & below) | ((Bits)high & above));
}
#endif

#ifdef BF16
typedef uint16_t T;
typedef uint32_t Word __attribute__((vector_size(LANES * sizeof(uint32_t))));
typedef uint16_t Half __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));

/* To the nearest, ties to even; a NaN stays one. Processors have instructions for that and for the way back, which a compiler does not
 * find. */
#if defined __AVX512BF16__ && defined __AVX512VL__ && !defined NARROW
static INLINE V load(const T *p) { return (V)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16); }
static INLINE void store(T *p, V v) { _mm256_storeu_si256((__m256i *)p, (__m256i)_mm512_cvtneps_pbh((__m512)v)); }
#elif defined __AVX512BF16__ && defined __AVX512VL__
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

typedef uint8_t Bytes __attribute__((vector_size(LANES)));

static INLINE V pick(Bits mask, V yes, V no) { return (V)(((Bits)yes & mask) | ((Bits)no & ~mask)); }

#if defined __AVX512BW__ && defined __AVX512VL__ && !defined NARROW
#define MASK(some) ((uint16_t)((1u << (some)) - 1))
#endif

/* `some` values where a vector has room for more; the others are read as 0, and not written. A copy of a known length takes two
 * instructions; stores under a mask take ten times as long on some processors. */
static INLINE V get_some(const float *p, const long some) {
    if (some == LANES) return get(p);
#ifdef MASK
    return (V)_mm512_maskz_loadu_ps(MASK(some), p);
#else
    V part = {0};
    memcpy(&part, p, some * sizeof(float));
    return part;
#endif
}
static INLINE void put_some(float *p, V v, const long some) {
    if (some == LANES)
        put(p, v);
    else if (some == LANES / 2)
        memcpy(p, &v, LANES / 2 * sizeof(float));
    else
        memcpy(p, &v, some * sizeof(float));
}

#ifdef BF16
static INLINE V take(const T *p, const long some) {
    if (some == LANES) return load(p);
#ifdef MASK
    return (V)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(MASK(some), p)), 16);
#else
    T part[LANES] = {0};
    memcpy(part, p, some * sizeof(T));
    return load(part);
#endif
}
static INLINE void give(T *p, V v, const long some) {
    if (some == LANES) {
        store(p, v);
        return;
    }
    T part[LANES];
    store(part, v);
    if (some == LANES / 2)
        memcpy(p, part, LANES / 2 * sizeof(T));
    else
        memcpy(p, part, some * sizeof(T));
}
#else
static INLINE V take(const T *p, const long some) { return get_some(p, some); }
static INLINE void give(T *p, V v, const long some) { put_some(p, v, some); }
#endif

static INLINE Bits take_bytes(const uint8_t *p, const long some) {
#ifdef MASK
    return (Bits)_mm512_cvtepu8_epi32(some == LANES ? _mm_loadu_si128((const __m128i *)p) : _mm_maskz_loadu_epi8(MASK(some), p));
#else
    Bytes part = {0};
    memcpy(&part, p, some == LANES ? LANES : some);
    return __builtin_convertvector(part, Bits);
#endif
}
static INLINE void give_bytes(uint8_t *p, Bits v, const long some) {
    Bytes part = __builtin_convertvector(v, Bytes);
    if (some == LANES / 2)
        memcpy(p, &part, LANES / 2);
    else
        memcpy(p, &part, some == LANES ? LANES : some);
}
