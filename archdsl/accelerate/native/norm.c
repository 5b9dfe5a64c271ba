/* Batch norm of a training step in one pass over the memory a side, with what follows it: a skip, ReLU, 2x2 max-pooling.
 *
 * Images are (n, h, w, c) with the channels innermost (channels_last). Compiled twice, for float and (-DBF16) for bfloat16;
 * all arithmetic is float, all sums over images are double. The images are cut into BLOCKS parts whatever the number of
 * threads, and the parts are added in their order, so that the result does not depend on the threads.
 */
#include <math.h>
#include <omp.h>
#include <stdint.h>

enum { BLOCKS = 32, WIDE = 64, FLUSH = 128 };

#ifdef BF16
typedef uint16_t T;
static inline float get(T v) {
    union { uint32_t bits; float value; } u = {(uint32_t)v << 16};
    return u.value;
}
static inline T put(float v) { /* to the nearest, ties to even; a NaN stays one */
    union { float value; uint32_t bits; } u = {v};
    uint32_t rounded = (u.bits + 0x7fff + ((u.bits >> 16) & 1)) >> 16;
    return (T)(v != v ? 0x7fc0 : rounded);
}
#else
typedef float T;
static inline float get(T v) { return v; }
static inline T put(float v) { return v; }
#endif

/* The blocks of the calling thread. It takes them up for the first pass and down for the second one: what was read last is
 * still in the cache. */
typedef struct {
    long from, to;
} Share;

static Share share(void) {
    long number = omp_get_thread_num(), count = omp_get_num_threads();
    return (Share){BLOCKS * number / count, BLOCKS * (number + 1) / count};
}

/* `relu ? max(v, 0) : v`, where a NaN stays one. */
static inline float gate(float v, int relu) { return relu && v < 0 ? 0 : v; }

/* Rows of few channels are taken several at a time, so that the innermost loop is worth a vector. */
static long copies(long c) { return c >= WIDE ? 1 : WIDE / c; }

static void repeat(float *out, const float *in, long c, long m) {
    for (long i = 0; i < m; i++)
        for (long j = 0; j < c; j++) out[i * c + j] = in[j];
}

/* Adds the sums of a block's wide rows to double ones, c of each. */
static void flush(double *sums, float *a, float *b, long c, long m) {
    for (long i = 0; i < m; i++)
        for (long j = 0; j < c; j++) {
            sums[j] += a[i * c + j], sums[c + j] += b[i * c + j];
            a[i * c + j] = b[i * c + j] = 0;
        }
}

/* Sums of x - about and of its square over rows `from` to `to`; w = m * c values are taken at a time. */
static void moments(const T *x, long from, long to, long c, const float *about, double *sums) {
    long m = copies(c), w = m * c, row = from;
    float k[w], a[w], b[w];
    repeat(k, about, c, m);
    for (long j = 0; j < w; j++) a[j] = b[j] = 0;
    for (long run = 0; row + m <= to; row += m) {
        const T *p = x + row * c;
#pragma omp simd
        for (long j = 0; j < w; j++) {
            float d = get(p[j]) - k[j];
            a[j] += d, b[j] += d * d;
        }
        if (++run % FLUSH == 0) flush(sums, a, b, c, m);
    }
    for (; row < to; row++)
        for (long j = 0; j < c; j++) {
            float d = get(x[row * c + j]) - k[j];
            a[j] += d, b[j] += d * d;
        }
    flush(sums, a, b, c, m);
}

static void apply(const T *x, const T *skip, T *y, long from, long to, long c, const float *scale, const float *shift, int relu) {
    long m = copies(c), w = m * c, row = from;
    float s[w], t[w];
    repeat(s, scale, c, m), repeat(t, shift, c, m);
    for (; row < to; row += m) {
        long n = row + m <= to ? w : (to - row) * c;
        const T *p = x + row * c, *q = skip ? skip + row * c : 0;
        T *o = y + row * c;
        if (q) {
#pragma omp simd
            for (long j = 0; j < n; j++) o[j] = put(gate(get(p[j]) * s[j] + t[j] + get(q[j]), relu));
        } else {
#pragma omp simd
            for (long j = 0; j < n; j++) o[j] = put(gate(get(p[j]) * s[j] + t[j], relu));
        }
    }
}

/* Where a row of windows (of n * (h / 2)) begins in x. */
static long origin(long r, long h, long w, long c) { return ((r / (h / 2)) * h + 2 * (r % (h / 2))) * w * c; }

/* 2x2 windows of the rows of windows `from` to `to`: the largest value, gated, and its place in the window; of equal ones the
 * first, as torch has it. Types of one size in each loop, since a vector has as many lanes as the smallest type allows. */
static void apply_pool(const T *x, const T *skip, T *y, uint8_t *place, long from, long to, long h, long w, long c, const float *scale,
                       const float *shift, int relu) {
    long n = w * c, half = n / 2;
    float s[n], t[n], top[n], low[n], best[half];
    int32_t where[half];
    repeat(s, scale, c, w), repeat(t, shift, c, w);
    for (long r = from; r < to; r++) {
        const T *p = x + origin(r, h, w, c), *q = p + n;
#pragma omp simd
        for (long k = 0; k < n; k++) top[k] = get(p[k]) * s[k] + t[k], low[k] = get(q[k]) * s[k] + t[k];
        if (skip) {
            const T *a = skip + origin(r, h, w, c), *b = a + n;
#pragma omp simd
            for (long k = 0; k < n; k++) top[k] += get(a[k]), low[k] += get(b[k]);
        }
        for (long i = 0; i < w / 2; i++) {
            const float *a = top + 2 * i * c, *b = low + 2 * i * c;
#pragma omp simd
            for (long j = 0; j < c; j++) {
                /* A NaN, which may come with the skip, wins. In comparisons that a compiler makes vectors of: `v != v ||` is none. */
                float p00 = a[j], p01 = a[j + c], p10 = b[j], p11 = b[j + c];
                int right = !(p01 <= p00), other = !(p11 <= p10);
                float u = right ? p01 : p00, v = other ? p11 : p10;
                u = p00 != p00 ? p00 : u, v = p10 != p10 ? p10 : v;
                int down = !(v <= u);
                v = u != u ? u : v;
                best[i * c + j] = down ? v : u, where[i * c + j] = down ? 2 + other : right;
            }
        }
        T *o = y + r * half;
        uint8_t *at = place + r * half;
#pragma omp simd
        for (long k = 0; k < half; k++) o[k] = put(gate(best[k], relu));
#pragma omp simd
        for (long k = 0; k < half; k++) at[k] = (uint8_t)where[k];
    }
}

/* y of the batch, and per channel its mean, the inverse of its deviation, and the scale and shift that were used.
 *
 * about: a value a channel near its mean, from which deviations are taken; one that is hundreds of deviations away costs digits.
 * place: NULL, or room for a byte a value of y: then y is pooled, and (n, h / 2, w / 2, c).
 * sums: room for BLOCKS * 2 * c doubles.
 */
void norm_forward(const T *x, const T *skip, T *y, uint8_t *place, long n, long h, long w, long c, const float *weight,
                  const float *bias, float eps, int relu, float *mean, float *var, float *inverse, float *scale, float *shift,
                  const float *about, double *sums, int threads) {
    long rows = n * h * w, windows = n * (h / 2);
#pragma omp parallel num_threads(threads)
    {
        Share mine = share();
        for (long b = mine.from; b < mine.to; b++) {
            for (long j = 0; j < 2 * c; j++) sums[b * 2 * c + j] = 0;
            moments(x, rows * b / BLOCKS, rows * (b + 1) / BLOCKS, c, about, sums + b * 2 * c);
        }
#pragma omp barrier
#pragma omp single
        for (long j = 0; j < c; j++) {
            double a = 0, q = 0;
            for (long b = 0; b < BLOCKS; b++) a += sums[b * 2 * c + j], q += sums[b * 2 * c + c + j];
            double middle = a / rows, spread = q / rows - middle * middle;
            if (spread < 0) spread = 0;
            double over = 1 / sqrt(spread + eps), factor = over * (weight ? weight[j] : 1);
            mean[j] = (float)(about[j] + middle), var[j] = (float)spread, inverse[j] = (float)over;
            scale[j] = (float)factor, shift[j] = (float)((bias ? bias[j] : 0) - (about[j] + middle) * factor);
        }
        for (long b = mine.to - 1; b >= mine.from; b--)
            if (place)
                apply_pool(x, skip, y, place, windows * b / BLOCKS, windows * (b + 1) / BLOCKS, h, w, c, scale, shift, relu);
            else
                apply(x, skip, y, rows * b / BLOCKS, rows * (b + 1) / BLOCKS, c, scale, shift, relu);
    }
}

/* y of values whose scale and shift are known, as in eval mode. */
void norm_apply(const T *x, T *y, long rows, long c, const float *scale, const float *shift, int relu, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long b = 0; b < BLOCKS; b++) apply(x, 0, y, rows * b / BLOCKS, rows * (b + 1) / BLOCKS, c, scale, shift, relu);
}

/* The gradient before the gate, at a value of x whose y (with a skip) may be given. */
static inline float before(float g, float x, float scale, float shift, int relu) { return relu && !(x * scale + shift > 0) ? 0 : g; }

/* Sums of the gated gradient and of its product with x - mean; with a skip, the gated gradient is also written there. */
static void gradient_sums(const T *x, const T *y, const T *dy, T *dskip, long from, long to, long c, const float *mean,
                          const float *scale, const float *shift, int relu, double *sums) {
    long m = copies(c), w = m * c, row = from;
    float k[w], s[w], t[w], a[w], b[w];
    repeat(k, mean, c, m), repeat(s, scale, c, m), repeat(t, shift, c, m);
    for (long j = 0; j < w; j++) a[j] = b[j] = 0;
    for (long run = 0; row < to; row += m) {
        long n = row + m <= to ? w : (to - row) * c;
        const T *p = x + row * c, *d = dy + row * c, *o = y ? y + row * c : 0;
        T *e = dskip ? dskip + row * c : 0;
        if (o) {
#pragma omp simd
            for (long j = 0; j < n; j++) {
                float v = get(p[j]), g = relu && !(get(o[j]) > 0) ? 0 : get(d[j]);
                e[j] = put(g), a[j] += g, b[j] += g * (v - k[j]);
            }
        } else {
#pragma omp simd
            for (long j = 0; j < n; j++) {
                float v = get(p[j]), g = before(get(d[j]), v, s[j], t[j], relu);
                a[j] += g, b[j] += g * (v - k[j]);
            }
        }
        if (++run % FLUSH == 0) flush(sums, a, b, c, m);
    }
    flush(sums, a, b, c, m);
}

static void gradient(const T *x, const T *dskip, const T *dy, T *dx, long from, long to, long c, const float *mean,
                     const float *scale, const float *shift, const float *one, const float *two, int relu) {
    long m = copies(c), w = m * c, row = from;
    float k[w], s[w], t[w], u[w], v[w];
    repeat(k, mean, c, m), repeat(s, scale, c, m), repeat(t, shift, c, m), repeat(u, one, c, m), repeat(v, two, c, m);
    for (; row < to; row += m) {
        long n = row + m <= to ? w : (to - row) * c;
        const T *p = x + row * c, *d = (dskip ? dskip : dy) + row * c;
        T *o = dx + row * c;
        int gated = relu && !dskip;
#pragma omp simd
        for (long j = 0; j < n; j++) {
            float z = get(p[j]), g = before(get(d[j]), z, s[j], t[j], gated);
            o[j] = put(s[j] * g + u[j] + v[j] * (z - k[j]));
        }
    }
}

typedef int32_t __attribute__((may_alias)) Bits;

/* The gradients of a row of windows at the pixels that they belong to, the largest of each window, and 0 at the others: of the
 * upper pixels, then of the lower ones, w * c each. Where y is given, it is the gate. Of bits and masks: from a choice of values compilers make masked stores, which
 * take ten times as long on some processors. */
static void spread(const T *dy, const T *y, const uint8_t *place, long r, long w, long c, float *out) {
    long n = w * c, half = n / 2;
    float g[half];
    int32_t at[half];
    const Bits *bits = (const Bits *)g;
#pragma omp simd
    for (long k = 0; k < half; k++) g[k] = get(dy[r * half + k]);
#pragma omp simd
    for (long k = 0; k < half; k++) at[k] = place[r * half + k];
    if (y) {
#pragma omp simd
        for (long k = 0; k < half; k++) at[k] |= -!(get(y[r * half + k]) > 0); /* which is no place */
    }
    for (long i = 0; i < w / 2; i++) {
        Bits *top = (Bits *)(out + 2 * i * c), *low = top + n;
#pragma omp simd
        for (long j = 0; j < c; j++) {
            int32_t v = bits[i * c + j], here = at[i * c + j];
            top[j] = v & -(here == 0), top[j + c] = v & -(here == 1);
            low[j] = v & -(here == 2), low[j + c] = v & -(here == 3);
        }
    }
}

/* The same where y was pooled; `from` and `to` count rows of windows. */
static void gradient_sums_pool(const T *x, const T *y, const T *dy, T *dskip, const uint8_t *place, long from, long to, long h, long w,
                               long c, const float *mean, const float *scale, const float *shift, int relu, double *sums) {
    long n = w * c;
    int gated = relu && !y;
    float k[n], s[n], t[n], a[n], b[n], wide[2 * n];
    repeat(k, mean, c, w), repeat(s, scale, c, w), repeat(t, shift, c, w);
    for (long j = 0; j < n; j++) a[j] = b[j] = 0;
    for (long r = from, run = 0; r < to; r++) {
        spread(dy, relu ? y : 0, place, r, w, c, wide);
        for (long side = 0; side < 2; side++) {
            const T *p = x + origin(r, h, w, c) + side * n;
            const float *d = wide + side * n;
#pragma omp simd
            for (long j = 0; j < n; j++) {
                float v = get(p[j]), g = before(d[j], v, s[j], t[j], gated);
                a[j] += g, b[j] += g * (v - k[j]);
            }
        }
        if (dskip) {
            T *e = dskip + origin(r, h, w, c);
#pragma omp simd
            for (long j = 0; j < 2 * n; j++) e[j] = put(wide[j]);
        }
        if (++run % FLUSH == 0) flush(sums, a, b, c, w);
    }
    flush(sums, a, b, c, w);
}

static void gradient_pool(const T *x, const T *y, const T *dy, const uint8_t *place, T *dx, long from, long to, long h, long w, long c,
                          const float *mean, const float *scale, const float *shift, const float *one, const float *two, int relu) {
    long n = w * c;
    int gated = relu && !y;
    float k[n], s[n], t[n], u[n], v[n], wide[2 * n];
    repeat(k, mean, c, w), repeat(s, scale, c, w), repeat(t, shift, c, w), repeat(u, one, c, w), repeat(v, two, c, w);
    for (long r = from; r < to; r++) {
        spread(dy, relu ? y : 0, place, r, w, c, wide);
        for (long side = 0; side < 2; side++) {
            long start = origin(r, h, w, c) + side * n;
            const T *p = x + start;
            const float *d = wide + side * n;
            T *o = dx + start;
#pragma omp simd
            for (long j = 0; j < n; j++) {
                float z = get(p[j]), g = before(d[j], z, s[j], t[j], gated);
                o[j] = put(s[j] * g + u[j] + v[j] * (z - k[j]));
            }
        }
    }
}

/* dx, dweight, dbias, and with a skip dskip. h and w are even where y was pooled (`place` given).
 *
 * y: NULL without a skip; then the gate is found from x.
 * one, two: room for c floats each; sums as above.
 */
void norm_backward(const T *x, const T *y, const T *dy, const uint8_t *place, T *dx, T *dskip, long n, long h, long w, long c,
                   int relu, const float *mean, const float *inverse, const float *scale, const float *shift, float *dweight,
                   float *dbias, float *one, float *two, double *sums, int threads) {
    long rows = n * h * w, windows = n * (h / 2);
#pragma omp parallel num_threads(threads)
    {
        Share mine = share();
        for (long b = mine.from; b < mine.to; b++) {
            double *part = sums + b * 2 * c;
            for (long j = 0; j < 2 * c; j++) part[j] = 0;
            if (place)
                gradient_sums_pool(x, y, dy, dskip, place, windows * b / BLOCKS, windows * (b + 1) / BLOCKS, h, w, c, mean, scale, shift,
                                   relu, part);
            else
                gradient_sums(x, y, dy, dskip, rows * b / BLOCKS, rows * (b + 1) / BLOCKS, c, mean, scale, shift, relu, part);
        }
#pragma omp barrier
#pragma omp single
        for (long j = 0; j < c; j++) {
            double g = 0, p = 0;
            for (long b = 0; b < BLOCKS; b++) g += sums[b * 2 * c + j], p += sums[b * 2 * c + c + j];
            double over = inverse[j];
            dbias[j] = (float)g, dweight[j] = (float)(p * over);
            one[j] = (float)(-scale[j] * g / rows), two[j] = (float)(-scale[j] * over * over * p / rows);
        }
        for (long b = mine.to - 1; b >= mine.from; b--)
            if (place)
                gradient_pool(x, y, dy, place, dx, windows * b / BLOCKS, windows * (b + 1) / BLOCKS, h, w, c, mean, scale, shift, one, two,
                              relu);
            else
                gradient(x, dskip, dy, dx, rows * b / BLOCKS, rows * (b + 1) / BLOCKS, c, mean, scale, shift, one, two, relu);
    }
}
