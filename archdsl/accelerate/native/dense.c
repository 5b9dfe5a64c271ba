/* Products of rows with a matrix of weights, for passes without gradients: linear layers and 1x1 convolutions, with a layer norm (Ba et
 * al. 2016, arXiv:1607.06450) or a depthwise 3x3 convolution (Howard et al. 2017, arXiv:1704.04861) before them, and a sum with a skip
 * and a gate behind them.
 *
 * Weights are stored as the loop reads them, BLOCK outputs at a time. A thread takes CHUNK rows, which stay in a core's own cache, and DEPTH
 * values of each at a time. What comes before the products, and parts of long rows, are written side by side for that. A sum does not
 * depend on the rows beside, nor on the threads.
 */
#include "depthwise.h"
#include <omp.h>

/* TILES: of ROWS rows, in a CHUNK. STEP: floats from a row that was copied to the next one, which must not be a power of two: their
 * beginnings would share a set of the cache. FAR: floats by which weights are fetched ahead. */
enum { BLOCK = 2 * LANES, TILES = 8, CHUNK = TILES * ROWS, DEPTH = 768, STEP = DEPTH + LANES, FAR = 1024 };
enum { CUT, GELU, TANH_GELU, SILU }; /* gates, as in dense.py */
enum { LINE = 16 }; /* floats of a cache line */

static INLINE V power(V v) { /* e^v, by the polynomial of Cephes' expf (Moshier 1989); v is cut to what has a finite, normal result */
    v = clip(v, splat(-87.0f), splat(88.0f));
    V shifted = fused(v, splat(1.44269504f), splat(12582912.0f)), whole = shifted - splat(12582912.0f); /* 1.5 * 2^23 rounds to integers */
    V r = fused(whole, splat(-0.693359375f), v);
    r = fused(whole, splat(2.12194440e-4f), r);
    V p = splat(1.9875691500e-4f);
    p = fused(p, r, splat(1.3981999507e-3f));
    p = fused(p, r, splat(8.3334519073e-3f));
    p = fused(p, r, splat(4.1665795894e-2f));
    p = fused(p, r, splat(1.6666665459e-1f));
    p = fused(p, r, splat(5.0000001201e-1f));
    p = fused(p, r * r, r + splat(1));
    return p * (V)(((Bits)shifted - (Bits)splat(12582912.0f) + 127) << 23);
}

/* x Phi(x). The error function is the rational one of Eigen, whose error is a few units in the last place of 1. */
static INLINE V gelu(V x) {
    V z = clip(x * splat(0.70710678f), splat(-4), splat(4)), s = z * z;
    V p = splat(-2.72614225801306e-10f);
    p = fused(p, s, splat(2.77068142495902e-08f));
    p = fused(p, s, splat(-2.10102402082508e-06f));
    p = fused(p, s, splat(-5.69250639462346e-05f));
    p = fused(p, s, splat(-7.34990630326855e-04f));
    p = fused(p, s, splat(-2.95459980854025e-03f));
    p = fused(p, s, splat(-1.60960333262415e-02f));
    V q = splat(-1.45660718464996e-05f);
    q = fused(q, s, splat(-2.13374055278905e-04f));
    q = fused(q, s, splat(-1.68282697438203e-03f));
    q = fused(q, s, splat(-7.37332916720468e-03f));
    q = fused(q, s, splat(-1.42647390514189e-02f));
    V phi = fused(splat(0.5f), z * p / q, splat(0.5f));
    return x * pick(x < splat(-5.65f), splat(0), phi);
}

static INLINE V sigmoid(V x) { return pick(x < splat(-87), splat(0), splat(1) / (splat(1) + power(-x))); }

static INLINE V silu(V x) { return x * sigmoid(x); }

/* The approximation with tanh, as 2 sigmoid - 1 (Hendrycks & Gimpel 2016, arXiv:1606.08415). */
static INLINE V tanh_gelu(V x) { return x * sigmoid(splat(1.59576912f) * fused(splat(0.044715f) * x * x, x, x)); }

static INLINE void soften(float *y, long k, long rows, long columns, V (*f)(V)) {
    for (long r = 0; r < rows; r++, y += k) {
        long o = 0;
        for (; o + LANES <= columns; o += LANES) put(y + o, f(get(y + o)));
        if (o < columns) put_some(y + o, f(get_some(y + o, columns - o)), columns - o);
    }
}

/* Where a block of outputs goes, and what happens to it before: bias, NULL where `y` has a sum already; skip or NULL. With each tile so many
 * lines of the cache `ahead` are fetched. */
typedef struct {
    const float *bias, *skip, *ahead;
    float *y;
    long k, columns, lines; /* to the next row, of the block, and a tile */
    int last, gate, far; /* whether y is not in the cache already */
    Cut cut;
} Out;

/* `rows` rows of x by `wide` vectors of weights over `depth` values. */
static INLINE void tile(const float *x, long step, const float *u, long depth, Out out, long row, const long rows, const int wide) {
    V sum[ROWS][2];
    long some = out.columns - (wide - 1) * LANES;
    float *y = out.y + row * out.k, *end = y + (wide - 1) * LANES;
    for (long r = 0; out.far && r < rows; r++) { /* fetched while the products are computed */
        __builtin_prefetch(y + r * out.k, 1), __builtin_prefetch(end + r * out.k, 1);
        if (out.last && out.skip) __builtin_prefetch(out.skip + (row + r) * out.k), __builtin_prefetch(out.skip + (row + r) * out.k + (wide - 1) * LANES);
    }
    for (long l = 0; l < out.lines; l++) __builtin_prefetch(out.ahead + (row / ROWS * out.lines + l) * LINE, 0, 2);
#pragma GCC unroll 16
    for (long r = 0; r < rows; r++) {
        sum[r][wide - 1] = out.bias ? get(out.bias + (wide - 1) * LANES) : get_some(end + r * out.k, some);
        if (wide == 2) sum[r][0] = get(out.bias ? out.bias : y + r * out.k);
    }
    for (long i = 0; i < depth; i++, u += wide * LANES) {
        __builtin_prefetch(u + FAR), __builtin_prefetch(u + FAR + (wide - 1) * LANES); /* the processor itself stops at the end of a page */
        V left = get(u), right = get(u + (wide - 1) * LANES);
#pragma GCC unroll 16
        for (long r = 0; r < rows; r++) {
            V a = splat(x[r * step + i]);
            if (wide == 2) sum[r][0] = fused(a, left, sum[r][0]);
            sum[r][wide - 1] = fused(a, right, sum[r][wide - 1]);
        }
    }
    if (out.last && out.skip) {
        const float *skip = out.skip + row * out.k;
#pragma GCC unroll 16
        for (long r = 0; r < rows; r++) {
            sum[r][wide - 1] += get_some(skip + (wide - 1) * LANES + r * out.k, some);
            if (wide == 2) sum[r][0] += get(skip + r * out.k);
        }
    }
    if (out.last && out.gate == CUT)
#pragma GCC unroll 16
        for (long r = 0; r < rows; r++)
            for (int v = 0; v < wide; v++) sum[r][v] = clip(sum[r][v], out.cut.low, out.cut.high);
#pragma GCC unroll 16
    for (long r = 0; r < rows; r++) {
        if (wide == 2) put(y + r * out.k, sum[r][0]);
        put_some(end + r * out.k, sum[r][wide - 1], some);
    }
    if (!out.last || out.gate == CUT) return;
    if (out.gate == GELU)
        soften(y, out.k, rows, out.columns, gelu);
    else if (out.gate == TANH_GELU)
        soften(y, out.k, rows, out.columns, tanh_gelu);
    else
        soften(y, out.k, rows, out.columns, silu);
}

static INLINE void strip(const float *x, long step, const float *u, long depth, Out out, long rows, const int wide) {
    long r = 0;
    for (; r + ROWS <= rows; r += ROWS) tile(x + r * step, step, u, depth, out, r, ROWS, wide);
    for (; r + 4 <= rows; r += 4) tile(x + r * step, step, u, depth, out, r, 4, wide);
    for (; r + 2 <= rows; r += 2) tile(x + r * step, step, u, depth, out, r, 2, wide);
    if (r < rows) tile(x + r * step, step, u, depth, out, r, 1, wide);
}

static INLINE float total(V v) {
    float sum = 0;
    for (long i = 0; i < LANES; i++) sum += v[i];
    return sum;
}

/* One over the standard deviation of a row, and what is added to its product with that. */
static void moments(const float *x, long c, float eps, float *scale, float *shift) {
    V sum = {0}, square = {0};
    long i = 0, whole = c / LANES * LANES;
    for (; i < whole; i += LANES) sum += get(x + i);
    if (i < c) sum += get_some(x + i, c - i);
    float mean = total(sum) / c;
    for (i = 0; i < whole; i += LANES) {
        V off = get(x + i) - splat(mean);
        square = fused(off, off, square);
    }
    float rest = 0;
    for (; i < c; i++) rest += (x[i] - mean) * (x[i] - mean);
    *scale = 1 / sqrtf((total(square) + rest) / c + eps);
    *shift = -mean * *scale;
}

/* `depth` values of `rows` rows, side by side, and normalised where there is a scale. */
static void copied(const float *x, long c, long rows, long depth, const float *scale, const float *shift, float *to) {
    for (long r = 0; r < rows; r++, x += c, to += STEP) {
        if (!scale) {
            memcpy(to, x, depth * sizeof(float));
            continue;
        }
        V by = splat(scale[r]), and = splat(shift[r]);
        long i = 0;
        for (; i + LANES <= depth; i += LANES) put(to + i, fused(get(x + i), by, and));
        if (i < depth) put_some(to + i, fused(get_some(x + i, depth - i), by, and), depth - i);
    }
}

/* Images (n, h, w, c) and the depthwise convolution of them: weights (9, c), bias, where it cuts off; a row of zeros. */
typedef struct {
    const float *x, *weight, *bias, *zeros;
    long h, w, c, stride, rows, columns;
    Cut cut;
} Images;

/* `many` pixels of what it gives from `begin` on, of `depth` channels from `d` on, side by side. A few pixels are done in all channels,
 * which are read as they stand in memory. */
static INLINE void convolved(const Images *in, long begin, long many, long d, long depth, float *to, const long stride) {
    for (long p = begin, q, end; p < begin + many; p += end - q) {
        long line = p / in->columns, top = line % in->rows * stride - 1;
        const float *image = in->x + line / in->rows * in->h * in->w * in->c, *row[3];
        q = p % in->columns, end = min_of(min_of(in->columns, q + TILE), q + begin + many - p);
        for (long i = 0; i < 3; i++) row[i] = (top + i >= 0 && top + i < in->h ? image + (top + i) * in->w * in->c : in->zeros) + d;
        for (long v = 0; v < depth; v += LANES) {
            const float *part[3] = {row[0] + v, row[1] + v, row[2] + v};
            V taps[9];
            taps_of(in->weight + d + v, in->c, taps);
            depthwise(part, in->c, taps, get(in->bias + d + v), in->cut, in->w, in->columns, q, end, to + (p - begin) * STEP + v, STEP, stride);
        }
    }
}

/* One layer: weights, for each BLOCK of outputs (c, BLOCK), where the last ones may be of LANES, filled up with zeros, as the bias is; the gate
 * behind it: CUT, to values from 0 to `top`, below 0: none; or another one. */
typedef struct {
    const float *weights, *bias;
    long c, k;
    int gate;
    Cut cut;
} Layer;

/* Some blocks of outputs of rows, over `depth` of their values from `d` on, which stand in x `step` floats apart. y and skip: of the first
 * row, with `apart` floats to the next one. far: y is not in the cache.
 * ahead: `lines` of the cache to be fetched for later. */
static void outputs(const Layer *layer, const float *x, long step, const float *skip, float *y, long apart, long many, long d, long depth, long b,
                    long end, int far, const float *ahead, long lines) {
    long tiles = (many + ROWS - 1) / ROWS, each = lines / (tiles * max_of(1, end - b));
    for (long begin = b; b < end; b++) {
        long o = b * BLOCK, columns = min_of(BLOCK, layer->k - o);
        const float *part = ahead + (b - begin) * tiles * each * LINE;
        Out out = {d ? 0 : layer->bias + o, skip ? skip + o : 0, part, y + o, apart, columns, each, d + depth == layer->c, layer->gate, far && !d, layer->cut};
        if (columns > LANES)
            strip(x, step, layer->weights + o * layer->c + d * BLOCK, depth, out, many, 2);
        else
            strip(x, step, layer->weights + o * layer->c + d * LANES, depth, out, many, 1);
    }
}

/* Chunks of rows, and groups of blocks of outputs for each. Weights are read once by a group, and what comes before the products is done by
 * each. */
typedef struct {
    long tiles, chunks, groups;
} Share;

static Share share_of(long rows, long blocks, int plain, int threads) {
    long tiles = (rows + ROWS - 1) / ROWS, chunks = (tiles + TILES - 1) / TILES;
    if ((plain ? chunks > threads : tiles >= threads) || blocks < threads) chunks = min_of(tiles, (chunks + threads - 1) / threads * threads);
    return (Share){tiles, chunks, chunks >= threads ? 1 : min_of(blocks, (threads + chunks - 1) / chunks)};
}

enum { ROOM = CHUNK * (STEP + 2) };

/* Floats of the workspace of dense; with `h` of that of two layers, whose first one has h outputs. */
long dense_workspace(long h, int threads) { return threads * (ROOM + (h ? CHUNK * (h + LANES) : 0)); }

/* y (rows, k) of x (rows, c), or, where x is NULL, of the output of a depthwise convolution; by one layer, or by two.
 * eps: of the norm of each row; below 0: no norm. skip: (rows, k), or NULL. workspace: dense_workspace(…) floats. */
static void products(const float *x, const Images *in, float eps, const Layer *first, const Layer *second, const float *skip, float *y, long rows,
                     float *workspace, int threads) {
    const Layer *last = second ? second : first;
    long c = first->c, blocks = (first->k + BLOCK - 1) / BLOCK, h = second ? second->c : 0, wide = h + LANES;
    int norm = x && eps >= 0, moved = !x || norm || c > DEPTH;
    Share share = share_of(rows, blocks, x && !norm && !second, threads);
    if (second) share.groups = 1;
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads)
    for (long s = 0; s < share.chunks; s++)
        for (long g = 0; g < share.groups; g++) {
            float *room = workspace + omp_get_thread_num() * dense_workspace(h, 1), *scale = room + CHUNK * STEP, *shift = scale + CHUNK;
            float *hidden = room + ROOM;
            long begin = share.tiles * s / share.chunks * ROWS, many = min_of(rows, share.tiles * (s + 1) / share.chunks * ROWS) - begin;
            const float *from = moved ? room : x + begin * c, *more = skip ? skip + begin * last->k : 0;
            float *to = y + begin * last->k;
            for (long r = 0; norm && r < many; r++) moments(x + (begin + r) * c, c, eps, scale + r, shift + r);
            /* The input of the next rows, of which a thread has `after` behind these. */
            long area = x ? 1 : in->stride * in->stride, after = min_of(many, rows - begin - many), lines = after * area * c / LINE;
            const float *ahead = (x ? x : in->x) + (begin + many) * area * c;
            for (long d = 0; d < c; d += DEPTH) {
                long depth = min_of(DEPTH, c - d), b = blocks * g / share.groups, end = blocks * (g + 1) / share.groups;
                if (x && moved) copied(x + begin * c + d, c, many, depth, norm ? scale : 0, shift, room);
                if (!x && in->stride == 1) convolved(in, begin, many, d, depth, room, 1);
                if (!x && in->stride == 2) convolved(in, begin, many, d, depth, room, 2);
                if (second)
                    outputs(first, from, moved ? STEP : c, 0, hidden, wide, many, d, depth, b, end, 0, ahead, d ? 0 : lines);
                else
                    outputs(first, from, moved ? STEP : c, more, to, last->k, many, d, depth, b, end, 1, ahead, d ? 0 : lines);
            }
            for (long d = 0; d < h; d += DEPTH)
                outputs(second, hidden + d, wide, more, to, last->k, many, d, min_of(DEPTH, h - d), 0, (last->k + BLOCK - 1) / BLOCK, 1, 0, 0);
        }
}

/* The products of rows (rows, c). workspace: dense_workspace(0, threads) floats. */
void dense(const float *x, const float *weights, const float *bias, const float *skip, float *y, long rows, long c, long k, float eps, int gate,
           float top, float *workspace, int threads) {
    Layer layer = {weights, bias, c, k, gate, cut_to(top)};
    products(x, 0, eps, &layer, 0, skip, y, rows, workspace, threads);
}

/* Two layers, of which the first one has h outputs that stay in the cache. workspace: dense_workspace(h, threads) floats. */
void dense_pair(const float *x, const float *weights, const float *bias, int gate, float top, const float *more_weights, const float *more_bias,
                const float *skip, float *y, long rows, long c, long h, long k, float eps, int more_gate, float more_top, float *workspace,
                int threads) {
    Layer first = {weights, bias, c, h, gate, cut_to(top)}, second = {more_weights, more_bias, h, k, more_gate, cut_to(more_top)};
    products(x, 0, eps, &first, &second, skip, y, rows, workspace, threads);
}

/* The products of what a depthwise convolution gives of images (n, h, w, c), whose number of channels is a multiple of LANES. depthwise_weight:
 * (9, c). depthwise_top: as `top`, behind it. workspace: dense_workspace(0, threads) + w * c floats. */
void depthwise_dense(const float *x, const float *depthwise_weight, const float *depthwise_bias, float depthwise_top, const float *weights,
                     const float *bias, const float *skip, float *y, long n, long h, long w, long c, long k, long stride, int gate, float top,
                     float *workspace, int threads) {
    long rows = (h - 1) / stride + 1, columns = (w - 1) / stride + 1;
    float *zeros = workspace + dense_workspace(0, threads);
    memset(zeros, 0, w * c * sizeof(float));
    Images in = {x, depthwise_weight, depthwise_bias, zeros, h, w, c, stride, rows, columns, cut_to(depthwise_top)};
    Layer layer = {weights, bias, c, k, gate, cut_to(top)};
    products(0, &in, -1, &layer, 0, skip, y, n * rows * columns, workspace, threads);
}
