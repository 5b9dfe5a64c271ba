/* Blocks around a depthwise 3x3 convolution, for passes without gradients: a 1x1 convolution that widens, the depthwise one,
 * a 1x1 convolution that narrows, each with a gate behind it, and a sum with a skip (Sandler et al. 2018,
 * arXiv:1801.04381).
 *
 * Layer by layer such a block waits for memory: what is between its ends is several times as large as these. Here BLOCK of the wide
 * channels are taken at a time, of so many images or rows that they stay in the cache, and the sums of the narrow ones stay beside them.
 *
 * Images are (n, h, w, c) of floats with the channels innermost. The number of wide channels is a multiple of LANES; where that of the
 * narrow ones is none, their weights are filled up with zeros. A sum does not depend on the images beside, nor on the threads.
 */
#include "depthwise.h"
#include <omp.h>

/* BUDGET: floats of both buffers of a thread, within what a core's own cache holds. CHUNK: pixels from the depthwise convolution that
 * wait for the narrowing one. */
enum { BLOCK = 2 * LANES, BUDGET = 3 << 15, CHUNK = 8 * ROWS };

static long filled(long channels) { return (channels + LANES - 1) / LANES * LANES; }

/* Images and rows of the output that a thread takes at a time. */
typedef struct {
    long images, rows, strips;
} Share;

static Share share_of(long n, long h, long w, long rows, long columns, long k, long stride, int threads) {
    long wide = w * BLOCK, narrow = columns * filled(k), whole = h * wide + rows * narrow;
    if (n >= threads && whole <= BUDGET) return (Share){min_of(max_of(1, BUDGET / max_of(1, whole)), (n + threads - 1) / threads), rows, 1};
    long most = (BUDGET - (3 - stride) * wide) / (stride * wide + narrow);
    long parts = n < threads ? (threads + n - 1) / n : 1; /* one image is divided among the threads */
    long some = max_of(1, min_of(most, (rows + parts - 1) / parts));
    return (Share){1, some, (rows + some - 1) / some};
}

typedef struct {
    long wide, narrow, waiting, zeros;
} Room;

static Room room_of(Share share, long h, long w, long columns, long k, long stride) {
    long in = min_of(h, (share.rows - 1) * stride + 3);
    return (Room){share.images * in * w * BLOCK, share.images * share.rows * columns * filled(k),
                  (CHUNK + columns) * BLOCK, w * BLOCK};
}

/* Floats of the workspace of separable. */
long separable_workspace(long n, long h, long w, long k, long stride, int threads) {
    long rows = (h - 1) / stride + 1, columns = (w - 1) / stride + 1;
    Room room = room_of(share_of(n, h, w, rows, columns, k, stride, threads), h, w, columns, k, stride);
    return threads * (room.wide + room.narrow + room.waiting) + room.zeros;
}

/* Adds the products of `rows` pixels, `step` floats apart, and `wide` vectors of weights over `depth` channels. */
static INLINE void products(const float *x, long step, const float *u, long depth, V sum[ROWS][2], const long rows, const int wide) {
    for (long i = 0; i < depth; i++, u += wide * LANES) {
        V left = get(u), right = get(u + (wide - 1) * LANES);
#pragma GCC unroll 16
        for (long r = 0; r < rows; r++) {
            V a = splat(x[r * step + i]);
            sum[r][0] = fused(a, left, sum[r][0]);
            if (wide == 2) sum[r][1] = fused(a, right, sum[r][1]);
        }
    }
}

/* `rows` pixels of x by `wide` vectors of weights over c channels, the bias, and the gate. */
static INLINE void widen_rows(const float *x, long c, const float *u, const float *bias, Cut cut, float *out, const long rows, const int wide) {
    V sum[ROWS][2];
#pragma GCC unroll 16
    for (long r = 0; r < rows; r++) sum[r][0] = get(bias), sum[r][1] = get(bias + (wide - 1) * LANES);
    products(x, c, u, c, sum, rows, wide);
#pragma GCC unroll 16
    for (long r = 0; r < rows; r++) {
        put(out + r * BLOCK, clip(sum[r][0], cut.low, cut.high));
        if (wide == 2) put(out + r * BLOCK + LANES, clip(sum[r][1], cut.low, cut.high));
    }
}

static INLINE void widen(const float *x, long c, const float *u, const float *bias, Cut cut, float *out, long pixels, const int wide) {
    long p = 0;
    for (; p + ROWS <= pixels; p += ROWS) widen_rows(x + p * c, c, u, bias, cut, out + p * BLOCK, ROWS, wide);
    for (; p + 2 <= pixels; p += 2) widen_rows(x + p * c, c, u, bias, cut, out + p * BLOCK, 2, wide);
    if (p < pixels) widen_rows(x + p * c, c, u, bias, cut, out + p * BLOCK, 1, wide);
}

/* `rows` pixels by `wide` vectors of the narrow channels, over `depth` wide channels, added to what is there but for the `first` ones. */
static INLINE void narrow_rows(const float *d, long depth, const float *u, float *out, long k, int first, const long rows, const int wide) {
    V sum[ROWS][2];
#pragma GCC unroll 16
    for (long r = 0; r < rows; r++)
        for (long v = 0; v < wide; v++) sum[r][v] = first ? (V){0} : get(out + r * k + v * LANES);
    products(d, BLOCK, u, depth, sum, rows, wide);
#pragma GCC unroll 16
    for (long r = 0; r < rows; r++)
        for (long v = 0; v < wide; v++) put(out + r * k + v * LANES, sum[r][v]);
}

static INLINE void narrow_strip(const float *d, long depth, const float *u, float *out, long k, int first, long pixels, const int wide) {
    long p = 0;
    for (; p + ROWS <= pixels; p += ROWS) narrow_rows(d + p * BLOCK, depth, u, out + p * k, k, first, ROWS, wide);
    for (; p + 2 <= pixels; p += 2) narrow_rows(d + p * BLOCK, depth, u, out + p * k, k, first, 2, wide);
    if (p < pixels) narrow_rows(d + p * BLOCK, depth, u, out + p * k, k, first, 1, wide);
}

static void narrow(const float *d, long depth, const float *u, float *out, long k, int first, long pixels) {
    for (long o = 0; o < k; o += BLOCK)
        if (k - o > LANES)
            narrow_strip(d, depth, u + o * depth, out + o, k, first, pixels, 2);
        else
            narrow_strip(d, depth, u + o * depth, out + o, k, first, pixels, 1);
}

/* The pixels with bias, skip and gate, as they are given. */
static void finish(const float *in, const float *bias, const float *skip, Cut cut, float *y, long pixels, long k) {
    for (long p = 0; p < pixels; p++, in += filled(k), y += k) {
        long o = 0;
        for (; o + LANES <= k; o += LANES) {
            V v = get(in + o) + get(bias + o);
            put(y + o, clip(skip ? v + get(skip + p * k + o) : v, cut.low, cut.high));
        }
        if (o < k) {
            V v = get(in + o) + get(bias + o);
            put_some(y + o, clip(skip ? v + get_some(skip + p * k + o, k - o) : v, cut.low, cut.high), k - o);
        }
    }
}

/* y (n, rows, columns, k) of x (n, h, w, c), with a row and a column of zeros around what the depthwise convolution sees.
 * e: wide channels. widening: for each BLOCK of wide channels (c, BLOCK); narrowing: for each
 * BLOCK of wide channels, for each BLOCK of narrow ones (BLOCK, BLOCK), where the last ones may be of LANES; weight: (9, e). Biases are
 * filled up with zeros. tops: where the three gates cut off besides 0; below 0: no gate. skip: of the shape of y, or NULL.
 * workspace: separable_workspace(…) floats. */
void separable(const float *x, const float *widening, const float *wide_bias, const float *weight, const float *bias, const float *narrowing,
               const float *narrow_bias, const float *skip, float *y, long n, long h, long w, long c, long e, long k, long stride,
               const float *tops, float *workspace, int threads) {
    long rows = (h - 1) / stride + 1, columns = (w - 1) / stride + 1, sums = filled(k);
    Share share = share_of(n, h, w, rows, columns, k, stride, threads);
    Room room = room_of(share, h, w, columns, k, stride);
    Cut first = cut_to(tops[0]), second = cut_to(tops[1]), last = cut_to(tops[2]);
    long groups = (n + share.images - 1) / share.images;
    float *zeros = workspace + threads * (room.wide + room.narrow + room.waiting);
    memset(zeros, 0, room.zeros * sizeof(float));
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads)
    for (long g = 0; g < groups; g++)
        for (long s = 0; s < share.strips; s++) {
            float *between = workspace + omp_get_thread_num() * (room.wide + room.narrow + room.waiting);
            float *out = between + room.wide, *waiting = out + room.narrow;
            long begin = g * share.images, images = min_of(share.images, n - begin), top = s * share.rows, end = min_of(rows, top + share.rows);
            long above = max_of(0, top * stride - 1), below = min_of(h, (end - 1) * stride + 2), pixels = (below - above) * w;
            for (long b = 0; b < e; b += BLOCK) {
                long depth = min_of(BLOCK, e - b), there = 0, done = 0;
                const float *from = x + (begin * h + above) * w * c; /* images in one share are whole, and stand one behind the other */
                if (depth == BLOCK)
                    widen(from, c, widening + b * c, wide_bias + b, first, between, images * pixels, 2);
                else
                    widen(from, c, widening + b * c, wide_bias + b, first, between, images * pixels, 1);
                V taps[2][9];
                for (long v = 0; v < depth / LANES; v++) taps_of(weight + b + v * LANES, e, taps[v]);
                for (long i = 0; i < images; i++) {
                    const float *image = between + i * pixels * BLOCK;
                    for (long r = top; r < end; r++) {
                        const float *row[3];
                        for (long j = 0; j < 3; j++) {
                            long at = r * stride - 1 + j;
                            row[j] = at >= 0 && at < h ? image + (at - above) * w * BLOCK : zeros;
                        }
                        for (long v = 0; v < depth / LANES; v++) {
                            const float *part[3] = {row[0] + v * LANES, row[1] + v * LANES, row[2] + v * LANES};
                            float *to = waiting + there * BLOCK + v * LANES;
                            if (stride == 1)
                                depthwise(part, BLOCK, taps[v], get(bias + b + v * LANES), second, w, columns, 0, columns, to, BLOCK, 1);
                            else
                                depthwise(part, BLOCK, taps[v], get(bias + b + v * LANES), second, w, columns, 0, columns, to, BLOCK, 2);
                        }
                        there += columns;
                        if (there >= CHUNK || (i + 1 == images && r + 1 == end)) {
                            narrow(waiting, depth, narrowing + b * sums, out + done * sums, sums, b == 0, there);
                            done += there, there = 0;
                        }
                    }
                }
            }
            long at = (begin * rows + top) * columns * k;
            finish(out, narrow_bias, skip ? skip + at : 0, last, y + at, images * (end - top) * columns, k);
        }
}
