/* Max-pooling of (n, h, w, c) with the channels innermost, without the places of the largest values, which only a gradient needs. */
#include "lanes.h"
#include <math.h>

/* The largest values of LANES channels from x on over `high` by `wide` pixels; a NaN wins. */
static INLINE void largest(const T *x, long w, long c, long high, long wide, T *y) {
    V best = splat(-INFINITY);
    for (long i = 0; i < high; i++)
        for (long j = 0; j < wide; j++) {
            V v = load(x + (i * w + j) * c);
            Bits taken = (v > best) | (v != v);
            best = (V)(((Bits)v & taken) | ((Bits)best & ~taken));
        }
    store(y, best);
}

/* y: (n, rows, columns, c) of windows of side `kernel`, `stride` apart, with `pad` pixels around the image that are never the
 * largest; c is LANES or more. */
void max_pool(const T *x, T *y, long n, long h, long w, long c, long kernel, long stride, long pad, long rows, long columns, int threads) {
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads)
    for (long i = 0; i < n; i++)
        for (long r = 0; r < rows; r++)
            for (long q = 0; q < columns; q++) {
                long top = r * stride - pad, left = q * stride - pad;
                long first = max_of(top, 0), start = max_of(left, 0);
                long high = min_of(top + kernel, h) - first, wide = min_of(left + kernel, w) - start;
                const T *from = x + ((i * h + first) * w + start) * c;
                T *to = y + ((i * rows + r) * columns + q) * c;
                long k = 0;
                for (; k + LANES <= c; k += LANES) largest(from + k, w, c, high, wide, to + k);
                if (k < c) largest(from + c - LANES, w, c, high, wide, to + c - LANES); /* some of them again */
            }
}
