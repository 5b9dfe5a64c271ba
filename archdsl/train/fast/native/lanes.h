/* Vectors of floats, as wide as the processor has them. */
#pragma once

/* LANES: floats of a vector. ROWS: rows that a product of matrices keeps in registers, by two vectors. */
#if defined __AVX512F__
enum { LANES = 16, ROWS = 12 };
#elif defined __AVX__
enum { LANES = 8, ROWS = 6 };
#else
enum { LANES = 4, ROWS = 6 };
#endif

#define INLINE inline __attribute__((always_inline))

typedef float V __attribute__((vector_size(LANES * sizeof(float))));
typedef float Loose __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

static INLINE V get(const float *p) { return *(const Loose *)p; }
static INLINE void put(float *p, V v) { *(Loose *)p = v; }
static INLINE V splat(float v) { return v - (V){0}; }
