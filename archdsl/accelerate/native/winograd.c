/* 3x3 convolutions of stride 1 by minimal filtering F(4x4, 3x3): 36 products where the sum over the window takes 144.
 *
 * Lavin & Gray 2016 (arXiv:1509.09308). A tile of 6x6 of the image gives 4x4 of the output:
 *     Y = A' [ (G g G') * (B' d B) ] A,
 * a product of matrices over the channels for each of the 36 points. The gradient of the weights is the adjoint of the
 * same, G' [ (B' d B) * (A dY A') ] G summed over the tiles, and that of the image is the convolution of dY with the
 * weights rotated by 180 degrees. The points are 0, +-sqrt(1/2), +-sqrt(2) and infinity, whose rounding errors are half of those
 * of 0, +-1, +-2 (the choice of points: Barabasz et al. 2020, arXiv:1803.10986).
 *
 * Images are (n, h, w, c) with the channels innermost, of float or bfloat16; weights, and all arithmetic, are float. Channels
 * are taken LANES at a time, and are a multiple of that; with -DPARTIAL any number of them, the rest under a mask, for winograd alone.
 */
#include "lanes.h"
#include <limits.h>
#include <omp.h>
#include <string.h>

/* Channels from `k` on of `c`, and all of them with those that a vector has more. */
#ifdef PARTIAL
#define READ(p, k, c) take(p, min_of(LANES, (c) - (k)))
#define READ_FLOATS(p, k, c) get_some(p, min_of(LANES, (c) - (k)))
#define WRITE(p, v, k, c) give(p, v, min_of(LANES, (c) - (k)))
static inline long filled(long channels) { return (channels + LANES - 1) / LANES * LANES; }
#else
#define READ(p, k, c) load(p)
#define READ_FLOATS(p, k, c) get(p)
#define WRITE(p, v, k, c) store(p, v)
static inline long filled(long channels) { return channels; }
#endif

/* In the gradient of the weights the tiles are split for the threads, TILES_PER_SPLIT or more each, as each split has sums of its
 * own: twice as many splits cost 2 % of a training step on one core. TILE_BLOCK: tiles that a thread transforms before it multiplies,
 * a multiple of ROWS; more are not faster. CACHED_WEIGHTS: weights whose sums at all points stay in the cache. */
enum { POINTS = 36, MAX_SPLITS = 16, MIN_SPLITS = 4, TILES_PER_SPLIT = 256, TILE_BLOCK = 24, CACHED_WEIGHTS = 1 << 14 };

/* Floats from tile to tile, and from point to point. Strides that are powers of two would map to a few lines of the cache. */
static long tile_stride(long channels) { return channels % 64 ? channels : channels + 16; }
static long point_stride(long channels) { return TILE_BLOCK * tile_stride(channels) + 16; }

/* Input channels of which the gradient of the weights is summed at a time, and the number of splits of the tiles. */
static long channel_block(long c, long k) {
    long fitting = CACHED_WEIGHTS / k < 32 ? 32 : CACHED_WEIGHTS / k / LANES * LANES;
    return c * k <= CACHED_WEIGHTS ? c : min_of(c, fitting);
}
static long channel_blocks(long c, long k) { return (c + channel_block(c, k) - 1) / channel_block(c, k); }
static long split_count(long c, long k, long tiles) {
    return max_of(1, min_of(MAX_SPLITS, max_of(MIN_SPLITS, tiles / TILES_PER_SPLIT)) / channel_blocks(c, k));
}

/* Tiles of a block: fewer than TILE_BLOCK where threads would wait for the last one. Blocks have their price, of about two tiles. */
static long block_of(long tiles, long threads) {
    long best = TILE_BLOCK, least = LONG_MAX;
    for (long size = TILE_BLOCK; size > 0; size -= ROWS) {
        long blocks = (tiles + size - 1) / size, cost = (blocks + threads - 1) / threads * (size + 2);
        if (cost < least) least = cost, best = size;
    }
    return best;
}

/* Parts in which threads share a convolution of n images to rows * columns pixels, or (weights) the gradient of its weights. */
long winograd_parts(long n, long rows, long columns, long c, long k, int weights, int threads) {
    long tiles = n * ((rows + 3) / 4) * ((columns + 3) / 4), block = block_of(tiles, threads);
    return weights ? split_count(c, k, tiles) * channel_blocks(c, k) : (tiles + block - 1) / block;
}

/* Floats of the workspaces of winograd and winograd_weight. */
long winograd_workspace(long w, long c, long k, long threads) {
    return w * c + POINTS * (c * filled(k) + threads * (point_stride(filled(c)) + point_stride(filled(k))));
}

long winograd_weight_workspace(long w, long c, long k, long threads) {
    long block = channel_block(c, k);
    return w * c + split_count(c, k, LONG_MAX) * 9 * c * k + threads * POINTS * (point_stride(block) + point_stride(k) + block * k);
}

/* One dimension of the input transform B' d B: six values to six. */
static INLINE void input_transform_1d(V d0, V d1, V d2, V d3, V d4, V d5, V *o, long step) {
    const float a = 0.70710678118654752f, b = 1.41421356237309505f;
    V p = d4 - 2 * d2, q = d3 - 2 * d1, r = d4 - 0.5f * d2, s = d3 - 0.5f * d1;
    o[0] = d0 + (d4 - 2.5f * d2);
    o[step] = p + a * q, o[2 * step] = p - a * q;
    o[3 * step] = r + b * s, o[4 * step] = r - b * s;
    o[5 * step] = d1 + (d5 - 2.5f * d3);
}

/* One dimension of the output transform A' m A: six values to four. */
static INLINE void output_transform_1d(V m0, V m1, V m2, V m3, V m4, V m5, V *o, long step) {
    const float a = 0.70710678118654752f, b = 1.41421356237309505f;
    V p = m1 + m2, q = a * (m1 - m2), r = m3 + m4, s = m3 - m4;
    o[0] = m0 + p + r;
    o[step] = q + b * s;
    o[2 * step] = 0.5f * p + 2 * r;
    o[3 * step] = m5 + 0.5f * q + 2 * b * s;
}

/* One dimension of A dY A', the adjoint of the output transform: four values to six. */
static INLINE void gradient_transform_1d(V y0, V y1, V y2, V y3, V *o, long step) {
    const float a = 0.70710678118654752f, b = 1.41421356237309505f;
    V p = y0 + 0.5f * y2, q = y1 + 0.5f * y3, r = y0 + 2 * y2, s = y1 + 2 * y3;
    o[0] = y0;
    o[step] = p + a * q, o[2 * step] = p - a * q;
    o[3 * step] = r + b * s, o[4 * step] = r - b * s;
    o[5 * step] = y3;
}

/* G, the filter transform: a column of the weights at the six points. */
static const float FILTER[6][3] = {
    {1, 0, 0},
    {-0.66666666666666667f, -0.47140452079103168f, -0.33333333333333333f},
    {-0.66666666666666667f, 0.47140452079103168f, -0.33333333333333333f},
    {0.16666666666666667f, 0.23570226039551584f, 0.33333333333333333f},
    {0.16666666666666667f, -0.23570226039551584f, 0.33333333333333333f},
    {0, 0, 1},
};

/* Loads the next tile into the cache, as a miss takes half of the time: hardware does not predict rows at a distance. */
static INLINE void prefetch(const T *p, long count, const int write) {
    for (long j = 0; j < count; j += 64 / sizeof(T)) write ? __builtin_prefetch(p + j, 1) : __builtin_prefetch(p + j, 0);
}

/* The place of a tile: its image, and its first pixel in the output. */
typedef struct {
    long image, top, left;
} Place;

static Place place_of(long tile, long tile_columns, long tile_rows) {
    long in = tile % (tile_columns * tile_rows);
    return (Place){tile / (tile_columns * tile_rows), in / tile_columns * 4, in % tile_columns * 4};
}

static INLINE void next(Place *at, long rows, long columns) {
    at->left += 4;
    if (at->left >= columns) at->left = 0, at->top += 4;
    if (at->top >= rows) at->top = 0, at->image++;
}

/* B' d B of `count` channels from `first` on of the 6x6 pixels at `top`, `left`; pixels outside of the image are 0.
 * step: floats from point to point; zeros: a row of the image. */
static INLINE void input_transform(const T *x, const T *zeros, long h, long w, long c, long first, long count, long top, long left, float *out,
                             long step) {
    const T *row[6];
    for (long i = 0; i < 6; i++) row[i] = (top + i >= 0 && top + i < h ? x + (top + i) * w * c : zeros) + left * c + first;
    for (long i = 0; i < 6; i++) prefetch(row[i] + 6 * c, count == c ? 4 * c : 0, 0);
    for (long k = 0; k < count; k += LANES) {
        V m[6][6], o[6];
        for (long j = 0; j < 6; j++) {
            long p = j * c + k;
            if (left + j >= 0 && left + j < w)
                input_transform_1d(READ(row[0] + p, k, count), READ(row[1] + p, k, count), READ(row[2] + p, k, count), READ(row[3] + p, k, count),
                                   READ(row[4] + p, k, count), READ(row[5] + p, k, count), &m[0][j], 6);
            else
                for (long i = 0; i < 6; i++) m[i][j] = (V){0};
        }
        for (long i = 0; i < 6; i++) {
            input_transform_1d(m[i][0], m[i][1], m[i][2], m[i][3], m[i][4], m[i][5], o, 1);
            for (long j = 0; j < 6; j++) put(out + (i * 6 + j) * step + k, o[j]);
        }
    }
}

/* Between 0 and `top`; any number where `top` is below 0. A NaN stays one. */
static INLINE V gate(V v, float top) { return top < 0 ? v : clip(v, (V){0}, splat(top)); }

/* A' m A, plus the pixels at `skip` where there is one, into the pixels at y, of a whole tile or as far as they are in the image. */
static INLINE void output_transform(const float *in, long step, T *y, const T *skip, long w, long c, const float *bias, float top,
                                    const long rows, const long columns) {
    for (long i = 0; i < 4; i++) prefetch(y + (i * w + 4) * c, 4 * c, 1);
    for (long k = 0; k < c; k += LANES) {
        V m[4][6], o[4], more = bias ? READ_FLOATS(bias + k, k, c) : (V){0};
        const float *p = in + k;
        for (long j = 0; j < 6; j++, p += step)
            output_transform_1d(get(p), get(p + 6 * step), get(p + 12 * step), get(p + 18 * step), get(p + 24 * step), get(p + 30 * step), &m[0][j], 6);
        for (long i = 0; i < rows; i++) {
            output_transform_1d(m[i][0], m[i][1], m[i][2], m[i][3], m[i][4], m[i][5], o, 1);
            for (long j = 0; j < columns; j++) {
                long at = (i * w + j) * c + k;
                WRITE(y + at, gate(skip ? o[j] + more + READ(skip + at, k, c) : o[j] + more, top), k, c);
            }
        }
    }
}

/* A dY A' of the pixels at y, of a whole tile or as far as they are in the image. */
static INLINE void gradient_transform(const T *y, long w, long c, float *out, long step, const long rows, const long columns) {
    for (long i = 0; i < 4; i++) prefetch(y + (i * w + 4) * c, 4 * c, 0);
    for (long k = 0; k < c; k += LANES) {
        V m[6][4], o[6], none = {0};
#define PIXEL(i) (i < rows ? load(y + (i * w + j) * c + k) : none)
        for (long j = 0; j < 4; j++)
            if (j < columns)
                gradient_transform_1d(PIXEL(0), PIXEL(1), PIXEL(2), PIXEL(3), &m[0][j], 4);
            else
                for (long i = 0; i < 6; i++) m[i][j] = none;
#undef PIXEL
        for (long i = 0; i < 6; i++) {
            gradient_transform_1d(m[i][0], m[i][1], m[i][2], m[i][3], o, 1);
            for (long j = 0; j < 6; j++) put(out + (i * 6 + j) * step + k, o[j]);
        }
    }
}

/* The element-wise stage as a matrix product at one point: ROWS tiles by `wide` vectors of output channels, over c input channels. */
static INLINE void multiply(const float *v, long v_tile, const float *u, long c, float *m, long m_tile, const int wide) {
    V sum[ROWS][2] = {0};
    for (long i = 0; i < c; i++, u += wide * LANES) {
        V left = get(u), right = wide == 2 ? get(u + LANES) : left;
#pragma GCC unroll 16
        for (long r = 0; r < ROWS; r++) {
            V a = splat(v[r * v_tile + i]);
            sum[r][0] += a * left;
            if (wide == 2) sum[r][1] += a * right;
        }
    }
#pragma GCC unroll 16
    for (long r = 0; r < ROWS; r++) {
        put(m + r * m_tile, sum[r][0]);
        if (wide == 2) put(m + r * m_tile + LANES, sum[r][1]);
    }
}

/* The products of `rows` input channels and `wide` vectors of output channels over the tiles, added to `sums`. */
static INLINE void accumulate_rows(const float *v, long c, const float *m, long k, long tiles, float *sums, long step, const long rows,
                               const int wide) {
    V sum[ROWS][2] = {0};
    for (long t = 0; t < tiles; t++, v += c, m += k) {
        V one = get(m), two = wide == 2 ? get(m + LANES) : one;
#pragma GCC unroll 16
        for (long r = 0; r < rows; r++) {
            V a = splat(v[r]);
            sum[r][0] += a * one;
            if (wide == 2) sum[r][1] += a * two;
        }
    }
#pragma GCC unroll 16
    for (long r = 0; r < rows; r++) {
        put(sums + r * step, get(sums + r * step) + sum[r][0]);
        if (wide == 2) put(sums + r * step + LANES, get(sums + r * step + LANES) + sum[r][1]);
    }
}

/* The same for `count` input channels, ROWS at a time as far as there are so many. */
static INLINE void accumulate(const float *v, long c, const float *m, long k, long tiles, float *sums, long step, long count, const int wide) {
    long i = 0;
    for (; i + ROWS <= count; i += ROWS) accumulate_rows(v + i, c, m, k, tiles, sums + i * step, step, ROWS, wide);
    if (i + ROWS / 3 * 2 <= count) accumulate_rows(v + i, c, m, k, tiles, sums + i * step, step, ROWS / 3 * 2, wide), i += ROWS / 3 * 2;
    if (i < count) accumulate_rows(v + i, c, m, k, tiles, sums + i * step, step, ROWS / 3, wide); /* LANES and ROWS leave nothing else */
}

/* G g G' of all weights: for each point, strips of two vectors of output channels (the last one may be of one), each with
 * its input channels in turn. `step`: of the weights, by output and input channel, row and column; `flip`: rotates g by 180 degrees. */
static void filter_transform(const float *weight, const long *step, long c, long outs, int flip, float *u) {
    long k = filled(outs);
#pragma omp for collapse(2) schedule(static)
    for (long o = 0; o < k; o += LANES)
        for (long i = 0; i < c; i++) {
            const float *from = weight + o * step[0] + i * step[1];
            V g[3][3], half[6][3];
            for (long y = 0; y < 3; y++)
                for (long x = 0; x < 3; x++) {
                    const float *p = from + (flip ? 2 - y : y) * step[2] + (flip ? 2 - x : x) * step[3];
                    float lanes[LANES];
                    for (long l = 0; l < LANES; l++) lanes[l] = o + l < outs ? p[l * step[0]] : 0;
                    g[y][x] = get(lanes);
                }
            for (long p = 0; p < 6; p++)
                for (long x = 0; x < 3; x++) half[p][x] = FILTER[p][0] * g[0][x] + FILTER[p][1] * g[1][x] + FILTER[p][2] * g[2][x];
            long strip = o / (2 * LANES) * 2 * LANES, wide = min_of(k - strip, 2 * LANES);
            float *to = u + strip * c + i * wide + o - strip;
            for (long p = 0; p < 6; p++)
                for (long q = 0; q < 6; q++)
                    put(to + (p * 6 + q) * c * k, half[p][0] * FILTER[q][0] + half[p][1] * FILTER[q][1] + half[p][2] * FILTER[q][2]);
        }
}

/* The weights as winograd takes them: POINTS * c * filled(k) floats. */
void winograd_filter(const float *weight, const long *step, long c, long k, float *ready, int threads) {
#pragma omp parallel num_threads(threads)
    filter_transform(weight, step, c, k, 0, ready);
}

/* y = x * weight + bias + skip with `pad` rows and columns of zeros around x; (n, h, w, c) to (n, h + 2 pad - 2, w + 2 pad - 2, k).
 * With `flip` the weights are rotated by 180 degrees, which makes the gradient of the image from that of the output.
 * bias, skip: NULL where there is none. ready: what winograd_filter made of the weights; NULL: it is made here. top: the output is cut off to 0 … top; below 0: it is not.
 * workspace: winograd_workspace(w, c, k, threads) floats. */
void winograd(const T *x, const float *weight, const long *step, const float *bias, const T *skip, T *y, long n, long h, long w, long c,
              long k, long pad, int flip, const float *ready, float top, float *workspace, int threads) {
    long rows = h + 2 * pad - 2, columns = w + 2 * pad - 2, tile_rows = (rows + 3) / 4, tile_columns = (columns + 3) / 4;
    long total = n * tile_rows * tile_columns, size = block_of(total, threads), blocks = (total + size - 1) / size;
    long ins = filled(c), outs = filled(k);
    long v_point = point_stride(ins), m_point = point_stride(outs), v_tile = tile_stride(ins), m_tile = tile_stride(outs);
#pragma omp parallel num_threads(threads)
    {
        float *u = workspace, *end = u + POINTS * c * outs, *v = end + w * c + omp_get_thread_num() * POINTS * (v_point + m_point), *m = v + POINTS * v_point;
        T *zeros = (T *)end;
#pragma omp single nowait
        memset(zeros, 0, w * c * sizeof(T));
        if (ready) {
            u = (float *)ready;
#pragma omp barrier /* until there are zeros */
        } else
            filter_transform(weight, step, c, k, flip, u);
#pragma omp for schedule(static)
        for (long b = 0; b < blocks; b++) {
            long from = b * size, tiles = min_of(total - from, size);
            Place first = place_of(from, tile_columns, tile_rows), at = first;
            for (long t = 0; t < tiles; t++, next(&at, rows, columns))
                input_transform(x + at.image * h * w * c, zeros, h, w, c, 0, c, at.top - pad, at.left - pad, v + t * v_tile, v_point);
            for (long p = 0; p < POINTS; p++)
                for (long o = 0; o < outs; o += 2 * LANES)
                    for (long t = 0; t < tiles; t += ROWS) { /* the last rows may hold no tile; their results are not read */
                        const float *strip = u + p * c * outs + o * c;
                        if (outs - o > LANES)
                            multiply(v + p * v_point + t * v_tile, v_tile, strip, c, m + p * m_point + t * m_tile + o, m_tile, 2);
                        else
                            multiply(v + p * v_point + t * v_tile, v_tile, strip, c, m + p * m_point + t * m_tile + o, m_tile, 1);
                    }
            at = first;
            for (long t = 0; t < tiles; t++, next(&at, rows, columns)) {
                long first_pixel = ((at.image * rows + at.top) * columns + at.left) * k;
                T *to = y + first_pixel;
                const T *more = skip ? skip + first_pixel : 0;
                if (at.top + 4 <= rows && at.left + 4 <= columns)
                    output_transform(m + t * m_tile, m_point, to, more, columns, k, bias, top, 4, 4);
                else
                    output_transform(m + t * m_tile, m_point, to, more, columns, k, bias, top, min_of(4, rows - at.top), min_of(4, columns - at.left));
            }
        }
    }
}

/* G' s G of the sums of `count` input channels, into (3, 3, c, k). */
static void filter_gradient_transform(const float *sums, long count, long c, long k, float *out) {
    for (long i = 0; i < count; i++)
        for (long o = 0; o < k; o += LANES) {
            V half[3][6];
            for (long y = 0; y < 3; y++)
                for (long q = 0; q < 6; q++) {
                    half[y][q] = (V){0};
                    for (long p = 0; p < 6; p++) half[y][q] += FILTER[p][y] * get(sums + ((p * 6 + q) * count + i) * k + o);
                }
            for (long y = 0; y < 3; y++)
                for (long x = 0; x < 3; x++) {
                    V sum = {0};
                    for (long q = 0; q < 6; q++) sum += half[y][q] * FILTER[q][x];
                    put(out + ((y * 3 + x) * c + i) * k + o, sum);
                }
        }
}

/* dweight, by its own strides, of (n, h, w, c) and the gradient of the output. The number of splits does not depend on the
 * threads, and the splits are added in their order, so that the threads do not change a bit. Where there are many weights the
 * input channels are taken in blocks whose sums stay in the cache. workspace: winograd_weight_workspace(w, c, k, threads) floats. */
void winograd_weight(const T *x, const T *dy, float *dweight, const long *step, long n, long h, long w, long c, long k,
                     long pad, float *workspace, int threads) {
    long rows = h + 2 * pad - 2, columns = w + 2 * pad - 2, tile_rows = (rows + 3) / 4, tile_columns = (columns + 3) / 4;
    long total = n * tile_rows * tile_columns, block = channel_block(c, k), blocks = channel_blocks(c, k), splits = split_count(c, k, total);
    long v_point = point_stride(block), m_point = point_stride(k), sum = block * k, v_tile = tile_stride(block), m_tile = tile_stride(k);
#pragma omp parallel num_threads(threads)
    {
        float *end = workspace + splits * 9 * c * k, *v = end + w * c + omp_get_thread_num() * POINTS * (v_point + m_point + sum);
        float *m = v + POINTS * v_point, *sums = m + POINTS * m_point;
        T *zeros = (T *)end;
#pragma omp single
        memset(zeros, 0, w * c * sizeof(T));
#pragma omp for collapse(2) schedule(static)
        for (long b = 0; b < splits; b++)
            for (long d = 0; d < blocks; d++) {
                long first = d * block, count = min_of(block, c - first);
                memset(sums, 0, POINTS * count * k * sizeof(float));
                for (long from = total * b / splits, to = total * (b + 1) / splits; from < to; from += TILE_BLOCK) {
                    long tiles = min_of(to - from, TILE_BLOCK);
                    Place at = place_of(from, tile_columns, tile_rows);
                    for (long t = 0; t < tiles; t++, next(&at, rows, columns)) {
                        const T *gradient = dy + ((at.image * rows + at.top) * columns + at.left) * k;
                        input_transform(x + at.image * h * w * c, zeros, h, w, c, first, count, at.top - pad, at.left - pad, v + t * v_tile, v_point);
                        if (at.top + 4 <= rows && at.left + 4 <= columns)
                            gradient_transform(gradient, columns, k, m + t * m_tile, m_point, 4, 4);
                        else
                            gradient_transform(gradient, columns, k, m + t * m_tile, m_point, min_of(4, rows - at.top), min_of(4, columns - at.left));
                    }
                    for (long p = 0; p < POINTS; p++)
                        for (long o = 0; o < k; o += 2 * LANES)
                            if (k - o > LANES)
                                accumulate(v + p * v_point, v_tile, m + p * m_point + o, m_tile, tiles, sums + p * count * k + o, k, count, 2);
                            else
                                accumulate(v + p * v_point, v_tile, m + p * m_point + o, m_tile, tiles, sums + p * count * k + o, k, count, 1);
                }
                filter_gradient_transform(sums, count, c, k, workspace + (b * 9 * c + first) * k);
            }
#pragma omp for schedule(static)
        for (long i = 0; i < c; i++)
            for (long z = 0; z < 9; z++)
                for (long o = 0; o < k; o++) {
                    float s = 0;
                    for (long b = 0; b < splits; b++) s += workspace[((b * 9 + z) * c + i) * k + o];
                    dweight[o * step[0] + i * step[1] + z / 3 * step[2] + z % 3 * step[3]] = s;
                }
    }
}
