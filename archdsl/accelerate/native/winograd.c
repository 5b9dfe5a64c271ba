/* 3x3 convolutions of stride 1 by minimal filtering F(4x4, 3x3): 36 products where the sum over the window takes 144.
 *
 * Lavin & Gray 2016 (arXiv:1509.09308). A tile of 6x6 of the image gives 4x4 of the output:
 *     Y = A' [ (G g G') * (B' d B) ] A,
 * a product of matrices over the channels for each of the 36 points. The gradient of the weights is the adjoint of the
 * same, G' [ (B' d B) * (A dY A') ] G summed over the tiles, and that of the image is the convolution of dY with the
 * weights turned round. The points are 0, +-sqrt(1/2), +-sqrt(2) and infinity, whose rounding errors are half of those
 * of 0, +-1, +-2 (the choice of points: Barabasz et al. 2020, arXiv:1803.10986).
 *
 * Images are (n, h, w, c) with the channels innermost, of float or bfloat16; weights, and all arithmetic, are float. Channels
 * are taken LANES at a time.
 */
#include "lanes.h"
#include <limits.h>
#include <omp.h>
#include <string.h>

/* PARTS: of the tiles, in the gradient of the weights, at most and at least; of MASS tiles a part is worth its own sums. TILES: that a thread has at hand, a multiple of ROWS; more of them are not
 * faster. MANY: weights whose sums at all points stay in the cache. */
enum { POINTS = 36, PARTS = 16, FEWEST = 4, MASS = 256, TILES = 24, MANY = 1 << 14 };

static INLINE long least(long a, long b) { return a < b ? a : b; }
static INLINE long most(long a, long b) { return a > b ? a : b; }

/* Values from tile to tile, and from point to point: not powers of two, or all would share a few lines of the cache. */
static long apart(long channels) { return channels % 64 ? channels : channels + 16; }
static long spread(long channels) { return TILES * apart(channels) + 16; }

/* Input channels of which the sums of the weights' gradient are formed at a time, and parts of the tiles. */
static long slice(long c, long k) { return c * k <= MANY ? c : least(c, MANY / k < 32 ? 32 : MANY / k / LANES * LANES); }
static long cuts(long c, long k, long tiles) {
    long pieces = (c + slice(c, k) - 1) / slice(c, k);
    return most(1, least(PARTS, most(FEWEST, tiles / MASS)) / pieces);
}

/* Floats that winograd and winograd_weight need beside what they are given and give. */
long winograd_room(long w, long c, long k, long threads) {
    return w * c + POINTS * (c * k + threads * (spread(c) + spread(k)));
}

long winograd_weight_room(long w, long c, long k, long threads) {
    long piece = slice(c, k);
    return w * c + cuts(c, k, LONG_MAX) * 9 * c * k + threads * POINTS * (spread(piece) + spread(k) + piece * k);
}

/* Floats of a vector: the channels of a convolution are a multiple of it. */
long lanes(void) { return LANES; }

/* One side of B' d B: six values to six. */
static INLINE void into(V d0, V d1, V d2, V d3, V d4, V d5, V *o, long step) {
    const float a = 0.70710678118654752f, b = 1.41421356237309505f;
    V p = d4 - 2 * d2, q = d3 - 2 * d1, r = d4 - 0.5f * d2, s = d3 - 0.5f * d1;
    o[0] = d0 + (d4 - 2.5f * d2);
    o[step] = p + a * q, o[2 * step] = p - a * q;
    o[3 * step] = r + b * s, o[4 * step] = r - b * s;
    o[5 * step] = d1 + (d5 - 2.5f * d3);
}

/* One side of A' m A: six values to four. */
static INLINE void out_of(V m0, V m1, V m2, V m3, V m4, V m5, V *o, long step) {
    const float a = 0.70710678118654752f, b = 1.41421356237309505f;
    V p = m1 + m2, q = a * (m1 - m2), r = m3 + m4, s = m3 - m4;
    o[0] = m0 + p + r;
    o[step] = q + b * s;
    o[2 * step] = 0.5f * p + 2 * r;
    o[3 * step] = m5 + 0.5f * q + 2 * b * s;
}

/* One side of A dY A': four values to six. */
static INLINE void back(V y0, V y1, V y2, V y3, V *o, long step) {
    const float a = 0.70710678118654752f, b = 1.41421356237309505f;
    V p = y0 + 0.5f * y2, q = y1 + 0.5f * y3, r = y0 + 2 * y2, s = y1 + 2 * y3;
    o[0] = y0;
    o[step] = p + a * q, o[2 * step] = p - a * q;
    o[3 * step] = r + b * s, o[4 * step] = r - b * s;
    o[5 * step] = y3;
}

/* G: a column of the weights at the six points. */
static const float AT[6][3] = {
    {1, 0, 0},
    {-0.66666666666666667f, -0.47140452079103168f, -0.33333333333333333f},
    {-0.66666666666666667f, 0.47140452079103168f, -0.33333333333333333f},
    {0.16666666666666667f, 0.23570226039551584f, 0.33333333333333333f},
    {0.16666666666666667f, -0.23570226039551584f, 0.33333333333333333f},
    {0, 0, 1},
};

/* Asks for the memory of the next tile, which takes half of the time where it is not in the cache: a processor does not foresee rows
 * that lie apart. */
static INLINE void prefetch(const T *p, long count, const int write) {
    for (long j = 0; j < count; j += 64 / sizeof(T)) write ? __builtin_prefetch(p + j, 1) : __builtin_prefetch(p + j, 0);
}

/* A tile: its image, and where in the output its first pixel is. */
typedef struct {
    long image, top, left;
} Place;

static Place place_of(long tile, long across, long down) {
    long in = tile % (across * down);
    return (Place){tile / (across * down), in / across * 4, in % across * 4};
}

static INLINE void next(Place *at, long rows, long columns) {
    at->left += 4;
    if (at->left >= columns) at->left = 0, at->top += 4;
    if (at->top >= rows) at->top = 0, at->image++;
}

/* B' d B of `count` channels from `first` on of the 6x6 pixels at `top`, `left`, which may lie outside of the image, where it is 0;
 * `step` values from point to point. zeros: a row of the image. */
static INLINE void read_tile(const T *x, const T *zeros, long h, long w, long c, long first, long count, long top, long left, float *out,
                             long step) {
    const T *row[6];
    for (long i = 0; i < 6; i++) row[i] = (top + i >= 0 && top + i < h ? x + (top + i) * w * c : zeros) + left * c + first;
    for (long i = 0; i < 6; i++) prefetch(row[i] + 6 * c, count == c ? 4 * c : 0, 0);
    for (long k = 0; k < count; k += LANES) {
        V m[6][6], o[6];
        for (long j = 0; j < 6; j++) {
            long p = j * c + k;
            if (left + j >= 0 && left + j < w)
                into(load(row[0] + p), load(row[1] + p), load(row[2] + p), load(row[3] + p), load(row[4] + p), load(row[5] + p), &m[0][j], 6);
            else
                for (long i = 0; i < 6; i++) m[i][j] = (V){0};
        }
        for (long i = 0; i < 6; i++) {
            into(m[i][0], m[i][1], m[i][2], m[i][3], m[i][4], m[i][5], o, 1);
            for (long j = 0; j < 6; j++) put(out + (i * 6 + j) * step + k, o[j]);
        }
    }
}

/* A' m A into the pixels at y, of a whole tile or as far as they are in the image. */
static INLINE void write_tile(const float *in, long step, T *y, long w, long c, const float *bias, const long rows, const long columns) {
    for (long i = 0; i < 4; i++) prefetch(y + (i * w + 4) * c, 4 * c, 1);
    for (long k = 0; k < c; k += LANES) {
        V m[4][6], o[4], more = bias ? get(bias + k) : (V){0};
        const float *p = in + k;
        for (long j = 0; j < 6; j++, p += step)
            out_of(get(p), get(p + 6 * step), get(p + 12 * step), get(p + 18 * step), get(p + 24 * step), get(p + 30 * step), &m[0][j], 6);
        for (long i = 0; i < rows; i++) {
            out_of(m[i][0], m[i][1], m[i][2], m[i][3], m[i][4], m[i][5], o, 1);
            for (long j = 0; j < columns; j++) store(y + (i * w + j) * c + k, o[j] + more);
        }
    }
}

/* A dY A' of the pixels at y, of a whole tile or as far as they are in the image. */
static INLINE void read_gradient(const T *y, long w, long c, float *out, long step, const long rows, const long columns) {
    for (long i = 0; i < 4; i++) prefetch(y + (i * w + 4) * c, 4 * c, 0);
    for (long k = 0; k < c; k += LANES) {
        V m[6][4], o[6], none = {0};
#define PIXEL(i) (i < rows ? load(y + (i * w + j) * c + k) : none)
        for (long j = 0; j < 4; j++)
            if (j < columns)
                back(PIXEL(0), PIXEL(1), PIXEL(2), PIXEL(3), &m[0][j], 4);
            else
                for (long i = 0; i < 6; i++) m[i][j] = none;
#undef PIXEL
        for (long i = 0; i < 6; i++) {
            back(m[i][0], m[i][1], m[i][2], m[i][3], o, 1);
            for (long j = 0; j < 6; j++) put(out + (i * 6 + j) * step + k, o[j]);
        }
    }
}

/* ROWS tiles by `wide` vectors of output channels, at one point, summed over c input channels. */
static INLINE void product(const float *v, long one, const float *u, long c, float *m, long other, const int wide) {
    V sum[ROWS][2] = {0};
    for (long i = 0; i < c; i++, u += wide * LANES) {
        V left = get(u), right = wide == 2 ? get(u + LANES) : left;
#pragma GCC unroll 16
        for (long r = 0; r < ROWS; r++) {
            V a = splat(v[r * one + i]);
            sum[r][0] += a * left;
            if (wide == 2) sum[r][1] += a * right;
        }
    }
#pragma GCC unroll 16
    for (long r = 0; r < ROWS; r++) {
        put(m + r * other, sum[r][0]);
        if (wide == 2) put(m + r * other + LANES, sum[r][1]);
    }
}

/* `rows` input channels by `wide` vectors of output channels, summed over tiles and added to what is there. */
static INLINE void gather_some(const float *v, long c, const float *m, long k, long tiles, float *sums, long far, const long rows,
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
        put(sums + r * far, get(sums + r * far) + sum[r][0]);
        if (wide == 2) put(sums + r * far + LANES, get(sums + r * far + LANES) + sum[r][1]);
    }
}

/* The same for `count` input channels, ROWS at a time as far as there are so many. */
static INLINE void gather(const float *v, long c, const float *m, long k, long tiles, float *sums, long far, long count, const int wide) {
    long i = 0;
    for (; i + ROWS <= count; i += ROWS) gather_some(v + i, c, m, k, tiles, sums + i * far, far, ROWS, wide);
    if (i + ROWS / 3 * 2 <= count) gather_some(v + i, c, m, k, tiles, sums + i * far, far, ROWS / 3 * 2, wide), i += ROWS / 3 * 2;
    if (i < count) gather_some(v + i, c, m, k, tiles, sums + i * far, far, ROWS / 3, wide); /* LANES and ROWS leave nothing else */
}

/* G g G' of all weights: for each point, strips of two vectors of output channels (the last one may be of one), each with
 * its input channels in turn. `step`: of the weights, by output and input channel, row and column; `turn`: g turned round. */
static void transform(const float *weight, const long *step, long c, long k, int turn, float *u) {
#pragma omp for collapse(2) schedule(static)
    for (long o = 0; o < k; o += LANES)
        for (long i = 0; i < c; i++) {
            const float *from = weight + o * step[0] + i * step[1];
            V g[3][3], half[6][3];
            for (long y = 0; y < 3; y++)
                for (long x = 0; x < 3; x++) {
                    const float *p = from + (turn ? 2 - y : y) * step[2] + (turn ? 2 - x : x) * step[3];
                    float lanes[LANES];
                    for (long l = 0; l < LANES; l++) lanes[l] = p[l * step[0]];
                    g[y][x] = get(lanes);
                }
            for (long p = 0; p < 6; p++)
                for (long x = 0; x < 3; x++) half[p][x] = AT[p][0] * g[0][x] + AT[p][1] * g[1][x] + AT[p][2] * g[2][x];
            long strip = o / (2 * LANES) * 2 * LANES, wide = least(k - strip, 2 * LANES);
            float *to = u + strip * c + i * wide + o - strip;
            for (long p = 0; p < 6; p++)
                for (long q = 0; q < 6; q++)
                    put(to + (p * 6 + q) * c * k, half[p][0] * AT[q][0] + half[p][1] * AT[q][1] + half[p][2] * AT[q][2]);
        }
}

/* y = x * weight + bias with `pad` rows and columns of zeros around x; (n, h, w, c) to (n, h + 2 pad - 2, w + 2 pad - 2, k).
 * With `turn` the weights are turned round, which makes the gradient of the image from that of the output.
 * room: for winograd_room(w, c, k, threads) floats. */
void winograd(const T *x, const float *weight, const long *step, const float *bias, T *y, long n, long h, long w, long c,
              long k, long pad, int turn, float *room, int threads) {
    long rows = h + 2 * pad - 2, columns = w + 2 * pad - 2, down = (rows + 3) / 4, across = (columns + 3) / 4;
    long total = n * down * across, blocks = (total + TILES - 1) / TILES;
    long in = spread(c), out = spread(k), one = apart(c), other = apart(k);
#pragma omp parallel num_threads(threads)
    {
        float *u = room, *end = u + POINTS * c * k, *v = end + w * c + omp_get_thread_num() * POINTS * (in + out), *m = v + POINTS * in;
        T *zeros = (T *)end;
#pragma omp single nowait
        memset(zeros, 0, w * c * sizeof(T));
        transform(weight, step, c, k, turn, u);
#pragma omp for schedule(static)
        for (long b = 0; b < blocks; b++) {
            long from = b * TILES, tiles = least(total - from, TILES);
            Place first = place_of(from, across, down), at = first;
            for (long t = 0; t < tiles; t++, next(&at, rows, columns))
                read_tile(x + at.image * h * w * c, zeros, h, w, c, 0, c, at.top - pad, at.left - pad, v + t * one, in);
            for (long p = 0; p < POINTS; p++)
                for (long o = 0; o < k; o += 2 * LANES)
                    for (long t = 0; t < tiles; t += ROWS) { /* of the last rows some are nobody's, and are not read */
                        const float *strip = u + p * c * k + o * c;
                        if (k - o > LANES)
                            product(v + p * in + t * one, one, strip, c, m + p * out + t * other + o, other, 2);
                        else
                            product(v + p * in + t * one, one, strip, c, m + p * out + t * other + o, other, 1);
                    }
            at = first;
            for (long t = 0; t < tiles; t++, next(&at, rows, columns)) {
                T *to = y + ((at.image * rows + at.top) * columns + at.left) * k;
                if (at.top + 4 <= rows && at.left + 4 <= columns)
                    write_tile(m + t * other, out, to, columns, k, bias, 4, 4);
                else
                    write_tile(m + t * other, out, to, columns, k, bias, least(4, rows - at.top), least(4, columns - at.left));
            }
        }
    }
}

/* G' s G of the sums of `count` input channels, into (3, 3, c, k). */
static void untransform(const float *sums, long count, long c, long k, float *out) {
    for (long i = 0; i < count; i++)
        for (long o = 0; o < k; o += LANES) {
            V half[3][6];
            for (long y = 0; y < 3; y++)
                for (long q = 0; q < 6; q++) {
                    half[y][q] = (V){0};
                    for (long p = 0; p < 6; p++) half[y][q] += AT[p][y] * get(sums + ((p * 6 + q) * count + i) * k + o);
                }
            for (long y = 0; y < 3; y++)
                for (long x = 0; x < 3; x++) {
                    V sum = {0};
                    for (long q = 0; q < 6; q++) sum += half[y][q] * AT[q][x];
                    put(out + ((y * 3 + x) * c + i) * k + o, sum);
                }
        }
}

/* dweight, by its own steps, of (n, h, w, c) and the gradient of the output. The tiles are cut into parts whatever the number
 * of threads, and the parts added in their order: the threads do not change a bit. Of many weights the input channels are cut
 * too, so that the sums of a piece stay in the cache. `room`: for winograd_weight_room(w, c, k, threads) floats. */
void winograd_weight(const T *x, const T *dy, float *dweight, const long *step, long n, long h, long w, long c, long k,
                     long pad, float *room, int threads) {
    long rows = h + 2 * pad - 2, columns = w + 2 * pad - 2, down = (rows + 3) / 4, across = (columns + 3) / 4;
    long total = n * down * across, piece = slice(c, k), pieces = (c + piece - 1) / piece, parts = cuts(c, k, total);
    long in = spread(piece), out = spread(k), sum = piece * k, one = apart(piece), other = apart(k);
#pragma omp parallel num_threads(threads)
    {
        float *end = room + parts * 9 * c * k, *v = end + w * c + omp_get_thread_num() * POINTS * (in + out + sum);
        float *m = v + POINTS * in, *sums = m + POINTS * out;
        T *zeros = (T *)end;
#pragma omp single
        memset(zeros, 0, w * c * sizeof(T));
#pragma omp for collapse(2) schedule(static)
        for (long b = 0; b < parts; b++)
            for (long d = 0; d < pieces; d++) {
                long first = d * piece, count = least(piece, c - first);
                memset(sums, 0, POINTS * count * k * sizeof(float));
                for (long from = total * b / parts, to = total * (b + 1) / parts; from < to; from += TILES) {
                    long tiles = least(to - from, TILES);
                    Place at = place_of(from, across, down);
                    for (long t = 0; t < tiles; t++, next(&at, rows, columns)) {
                        const T *gradient = dy + ((at.image * rows + at.top) * columns + at.left) * k;
                        read_tile(x + at.image * h * w * c, zeros, h, w, c, first, count, at.top - pad, at.left - pad, v + t * one, in);
                        if (at.top + 4 <= rows && at.left + 4 <= columns)
                            read_gradient(gradient, columns, k, m + t * other, out, 4, 4);
                        else
                            read_gradient(gradient, columns, k, m + t * other, out, least(4, rows - at.top), least(4, columns - at.left));
                    }
                    for (long p = 0; p < POINTS; p++)
                        for (long o = 0; o < k; o += 2 * LANES)
                            if (k - o > LANES)
                                gather(v + p * in, one, m + p * out + o, other, tiles, sums + p * count * k + o, k, count, 2);
                            else
                                gather(v + p * in, one, m + p * out + o, other, tiles, sums + p * count * k + o, k, count, 1);
                }
                untransform(sums, count, c, k, room + (b * 9 * c + first) * k);
            }
#pragma omp for schedule(static)
        for (long i = 0; i < c; i++)
            for (long z = 0; z < 9; z++)
                for (long o = 0; o < k; o++) {
                    float s = 0;
                    for (long b = 0; b < parts; b++) s += room[((b * 9 + z) * c + i) * k + o];
                    dweight[o * step[0] + i * step[1] + z / 3 * step[2] + z % 3 * step[3]] = s;
                }
    }
}
