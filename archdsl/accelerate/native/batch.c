/* A batch of bytes cut, mirrored and normalised in one pass: (n, c, h, w) to float (n, h, w, c). */
#include "lanes.h"

/* Floats of a vector: the channels of a convolution are a multiple of it. */
long lanes(void) { return LANES; }

/* Output pixel (i, j) of image k is pixel (i + top[k], left[k] + step[k] * j) of the source, and `table[0]` of its channel, a black
 * pixel's value, outside of it.
 *
 * table: c * 256 floats, what each byte of each channel becomes.
 * step: 1, or -1 for an image that is mirrored.
 */
void batch(const uint8_t *x, float *out, long n, long c, long h, long w, const int32_t *top, const int32_t *left, const int32_t *step,
           const float *table, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long k = 0; k < n; k++)
        for (long i = 0; i < h; i++) {
            long row = i + top[k], inside = row >= 0 && row < h;
            float *o = out + (k * h + i) * w * c;
            for (long q = 0; q < c; q++) {
                const uint8_t *p = x + ((k * c + q) * h + row) * w;
                const float *t = table + q * 256;
                for (long j = 0, at = left[k]; j < w; j++, at += step[k])
                    o[j * c + q] = inside && at >= 0 && at < w ? t[p[at]] : t[0];
            }
        }
}
