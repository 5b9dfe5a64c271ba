/* Depthwise 3x3 convolutions with a row and a column of zeros around the image, for the blocks that go on with what they give. */
#pragma once
#include "lanes.h"
#include <math.h>

enum { TILE = 4 }; /* pixels of a row that share their loads */

/* What is cut off: below `low`, above `high`. */
typedef struct {
    V low, high;
} Cut;

/* To values from 0 to `top`; below 0: none. */
static Cut cut_to(float top) { return top < 0 ? (Cut){splat(-INFINITY), splat(INFINITY)} : (Cut){splat(0), splat(top)}; }

/* `many` pixels of a row of the output from `column` on, of LANES channels, `apart` floats from each other. left, right: the window of the
 * first one begins, that of the last one ends, beside the image. */
static INLINE void depthwise_pixels(const float *const *row, long step, const V *weight, V bias, Cut cut, long column, float *out, long apart,
                                    const long stride, const long many, const long left, const long right) {
    V sum[TILE];
    for (long q = 0; q < many; q++) sum[q] = bias;
#pragma GCC unroll 3
    for (long i = 0; i < 3; i++)
#pragma GCC unroll 9
        for (long j = left; j < (many - 1) * stride + 3 - right; j++) {
            V v = get(row[i] + (column * stride - 1 + j) * step);
#pragma GCC unroll 4
            for (long q = 0; q < many; q++)
                if (j - q * stride >= 0 && j - q * stride < 3) sum[q] = fused(v, weight[i * 3 + j - q * stride], sum[q]);
        }
    for (long q = 0; q < many; q++) put(out + q * apart, clip(sum[q], cut.low, cut.high));
}

static INLINE void depthwise_edges(const float *const *row, long step, const V *weight, V bias, Cut cut, long column, float *out, long apart,
                                   const long stride, const long many, int left, int right) {
    if (left && right)
        depthwise_pixels(row, step, weight, bias, cut, column, out, apart, stride, many, 1, 1);
    else if (left)
        depthwise_pixels(row, step, weight, bias, cut, column, out, apart, stride, many, 1, 0);
    else if (right)
        depthwise_pixels(row, step, weight, bias, cut, column, out, apart, stride, many, 0, 1);
    else
        depthwise_pixels(row, step, weight, bias, cut, column, out, apart, stride, many, 0, 0);
}

/* The pixels from `q` to `end` of a row of the output of so many columns. row: three of the input, of w pixels `step` floats apart. */
static INLINE void depthwise(const float *const *row, long step, const V *weight, V bias, Cut cut, long w, long columns, long q, long end, float *out,
                             long apart, const long stride) {
    long edge = (columns - 1) * stride + 1 < w ? columns : columns - 1; /* from `edge` on the window leaves the image */
    for (; q + TILE <= end; q += TILE, out += TILE * apart)
        depthwise_edges(row, step, weight, bias, cut, q, out, apart, stride, TILE, q == 0, q + TILE > edge);
    for (; q + 2 <= end; q += 2, out += 2 * apart) depthwise_edges(row, step, weight, bias, cut, q, out, apart, stride, 2, q == 0, q + 2 > edge);
    if (q < end) depthwise_edges(row, step, weight, bias, cut, q, out, apart, stride, 1, q == 0, q + 1 > edge);
}

/* The taps of LANES channels of weights (9, channels). */
static INLINE void taps_of(const float *weight, long channels, V *taps) {
    for (long i = 0; i < 9; i++) taps[i] = get(weight + i * channels);
}
