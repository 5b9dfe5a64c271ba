/* Batch norm of a training step in one pass over the memory a side, with what follows it: a skip, ReLU, 2x2 max-pooling.
 *
 * Images are (n, h, w, c) with the channels innermost (channels_last). Compiled twice, for float and (-DBF16) for bfloat16;
 * all arithmetic is float, all sums over images are double. The images are cut into BLOCKS parts whatever the number of
 * threads, and the parts are added in their order, so that the result does not depend on the threads.
 */
#include "lanes.h"
#include <math.h>
#include <omp.h>

/* WIDE: values of a row that is worth a loop. FLUSH: rows that are summed as float. STRIP: vectors whose constants and sums are kept in
 * registers over these rows; FEW: rows where a row has more of them, since memory is fastest in its order. */
enum { BLOCKS = 32, WIDE = 64, FLUSH = 128, STRIP = 4, FEW = 4 / sizeof(T) };

/* The blocks of the calling thread. It takes them up for the first pass and down for the second one: what was read last is
 * still in the cache. */
typedef struct {
    long from, to;
} Share;

static Share share(void) {
    long number = omp_get_thread_num(), count = omp_get_num_threads();
    return (Share){BLOCKS * number / count, BLOCKS * (number + 1) / count};
}

/* What a pass reads and writes, all by pixel and channel; NULL is what it has not. The constants and sums are of a row of w values.
 * base: the value of x whose gradient is the first one at `out`. */
typedef struct {
    const T *x, *y, *dy, *skip;
    T *out, *dskip;
    const uint8_t *place;
    float *mean, *scale, *shift, *one, *two, *a, *b;
    int relu;
    long base;
} Pass;

/* v where the mask is set, else 0. */
static INLINE V keep(V v, Bits mask) { return (V)((Bits)v & mask); }

/* `relu ? max(v, 0) : v`, where a NaN stays one. */
static INLINE V gate(V v, const int relu) { return relu ? keep(v, ~(v < (V){0})) : v; }

/* The gradient before the gate, at a value of x. */
static INLINE V before(V g, V x, V scale, V shift, const int relu) { return relu ? keep(g, fused(x, scale, shift) > (V){0}) : g; }

/* Rows of few channels are taken several at a time, so that a row is worth a loop. */
static long copies(long c) { return c >= WIDE ? 1 : WIDE / c; }

/* The same where nothing is summed, and as many as give whole vectors are better. */
static long whole_copies(long c) {
    long whole = 1;
    while (whole * c % LANES) whole *= 2;
    return whole * c > 16 * WIDE ? 1 : whole * c > WIDE ? whole : WIDE / (whole * c) * whole;
}

/* m times c values, and zeros up to a whole vector. */
static void repeat(float *out, const float *in, long c, long m) {
    for (long i = 0; i < m; i++)
        for (long j = 0; j < c; j++) out[i * c + j] = in[j];
    for (long j = 0; j < LANES; j++) out[m * c + j] = 0;
}

/* Adds the sums of a block's wide rows to double ones, c of each. */
static void flush(double *sums, float *a, float *b, long c, long m) {
    for (long i = 0; i < m; i++)
        for (long j = 0; j < c; j++) {
            sums[j] += a[i * c + j], sums[c + j] += b[i * c + j];
            a[i * c + j] = b[i * c + j] = 0;
        }
}

/* `vectors` vectors, or one of `some` values, from place `j` of `rows` rows of `w` values, the first at `at`. */
typedef void Strip(const Pass *p, long at, long j, long rows, long w, const long vectors, const long some);

/* n values of each of `rows` rows in strips. */
static INLINE void in_strips(const Pass *p, long at, long rows, long w, long n, Strip *strip) {
    long j = 0;
    for (; j + STRIP * LANES <= n; j += STRIP * LANES) strip(p, at + j, j, rows, w, STRIP, LANES);
    if (j + 3 * LANES <= n) strip(p, at + j, j, rows, w, 3, LANES), j += 3 * LANES;
    if (j + 2 * LANES <= n) strip(p, at + j, j, rows, w, 2, LANES), j += 2 * LANES;
    if (j + LANES <= n) strip(p, at + j, j, rows, w, 1, LANES), j += LANES;
    if (j < n) strip(p, at + j, j, rows, w, 1, n - j);
}

/* The rows `from` to `to` of c values, m at a time; what is left is one row of fewer values, or with `one` rows of c. */
static INLINE void over_rows(const Pass *p, long from, long to, long c, long m, double *sums, const int one, Strip *strip) {
    long w = m * c, most = w <= STRIP * LANES ? FLUSH : FEW, summed = 0;
    for (long rows; from + m <= to; from += rows * m) {
        rows = min_of((to - from) / m, min_of(most, FLUSH - summed));
        in_strips(p, from * c, rows, w, w, strip);
        summed += rows;
        if (summed == FLUSH && sums) flush(sums, p->a, p->b, c, m);
        summed %= FLUSH;
    }
    for (long n = one ? 1 : to - from; from < to; from += n) in_strips(p, from * c, 1, w, n * c, strip);
    if (sums) flush(sums, p->a, p->b, c, m);
}

/* Sums of x - mean and of its square. */
static INLINE void add_moments(const Pass *p, long at, long j, long rows, long w, const long vectors, const long some) {
    V k[STRIP], a[STRIP], b[STRIP];
    for (long i = 0; i < vectors; i++) {
        long l = j + i * LANES;
        k[i] = get(p->mean + l), a[i] = get_some(p->a + l, some), b[i] = get_some(p->b + l, some);
    }
    for (const T *x = p->x + at; rows > 0; rows--, x += w)
        for (long i = 0; i < vectors; i++) {
            V d = take(x + i * LANES, some) - k[i];
            a[i] += d, b[i] = fused(d, d, b[i]);
        }
    for (long i = 0; i < vectors; i++) put_some(p->a + j + i * LANES, a[i], some), put_some(p->b + j + i * LANES, b[i], some);
}

/* Of rows `from` to `to`. */
static void moments(const T *x, long from, long to, long c, const float *about, double *sums) {
    long m = copies(c), w = m * c;
    float k[w + LANES], a[w], b[w];
    repeat(k, about, c, m);
    for (long j = 0; j < w; j++) a[j] = b[j] = 0;
    over_rows(&(Pass){.x = x, .mean = k, .a = a, .b = b}, from, to, c, m, sums, 1, add_moments);
}

/* x normalised, with the skip, gated. */
static INLINE void normalise(const Pass *p, long at, long j, long rows, long w, const long vectors, const long some) {
    V s[STRIP], t[STRIP];
    for (long i = 0; i < vectors; i++) s[i] = get(p->scale + j + i * LANES), t[i] = get(p->shift + j + i * LANES);
    for (; rows > 0; rows--, at += w)
        for (long i = 0; i < vectors; i++) {
            long here = at + i * LANES;
            V v = fused(take(p->x + here, some), s[i], t[i]);
            if (p->skip) v += take(p->skip + here, some);
            give(p->out + here, gate(v, p->relu), some);
        }
}

static void apply(const T *x, const T *skip, T *y, long from, long to, long c, const float *scale, const float *shift, int relu) {
    long m = whole_copies(c), w = m * c;
    float s[w + LANES], t[w + LANES];
    repeat(s, scale, c, m), repeat(t, shift, c, m);
    over_rows(&(Pass){.x = x, .skip = skip, .out = y, .scale = s, .shift = t, .relu = relu}, from, to, c, m, 0, 0, normalise);
}

/* Where a row of windows (of n * (h / 2)) begins in x. */
static long origin(long r, long h, long w, long c) { return ((r / (h / 2)) * h + 2 * (r % (h / 2))) * w * c; }

/* The largest of each of the w / 2 windows of a row of them, gated, and its place in the window; of equal ones the first, as torch has it.
 * at: of the row in x; to: in y. Of `some` channels from j on. */
static INLINE void largest(const Pass *p, uint8_t *place, long at, long to, long w, long c, long j, const long some) {
    V s = get(p->scale + j), t = get(p->shift + j);
    for (long i = 0; i < w / 2; i++) {
        long here = at + 2 * i * c + j, there = to + i * c + j;
        long pixels[4] = {here, here + c, here + w * c, here + w * c + c};
        V v[4];
        for (long q = 0; q < 4; q++) v[q] = fused(take(p->x + pixels[q], some), s, t);
        if (p->skip)
            for (long q = 0; q < 4; q++) v[q] += take(p->skip + pixels[q], some);
        Bits right = ~(v[1] <= v[0]) & (v[0] == v[0]), other = ~(v[3] <= v[2]) & (v[2] == v[2]); /* a NaN, which may come with the skip, wins */
        V upper = pick(right, v[1], v[0]), lower = pick(other, v[3], v[2]);
        Bits down = ~(lower <= upper) & (upper == upper);
        give(p->out + there, gate(pick(down, lower, upper), p->relu), some);
        give_bytes(place + there, (down & (2 - other)) | (~down & -right), some);
    }
}

static void apply_pool(const T *x, const T *skip, T *y, uint8_t *place, long from, long to, long h, long w, long c, const float *scale,
                       const float *shift, int relu) {
    float s[c + LANES], t[c + LANES];
    repeat(s, scale, c, 1), repeat(t, shift, c, 1);
    Pass p = {.x = x, .skip = skip, .out = y, .scale = s, .shift = t, .relu = relu};
    for (long r = from; r < to; r++) {
        long at = origin(r, h, w, c), into = r * w / 2 * c, j = 0;
        for (; j + LANES <= c; j += LANES) largest(&p, place, at, into, w, c, j, LANES);
        if (j < c) largest(&p, place, at, into, w, c, j, c - j);
    }
}

/* A first value of each channel, from which deviations are taken, into the place of the mean. */
static void take_first(const T *x, long c, float *kept) {
    for (long j = 0; j < c; j += LANES) put_some(kept + j, take(x + j, min_of(LANES, c - j)), min_of(LANES, c - j));
}

/* The sums of block b. */
static void block_moments(const T *x, long rows, long c, const float *kept, double *sums, long b) {
    for (long j = 0; j < 2 * c; j++) sums[b * 2 * c + j] = 0;
    moments(x, rows * b / BLOCKS, rows * (b + 1) / BLOCKS, c, kept, sums + b * 2 * c);
}

/* What norm_forward keeps, of the sums of all blocks, and the moving averages. */
static void keep_moments(long rows, long c, const float *weight, const float *bias, float eps, float *kept, float *running_mean,
                         float *running_var, double momentum, const double *sums) {
    float *mean = kept, *inverse = mean + c, *scale = inverse + c, *shift = scale + c;
    for (long j = 0; j < c; j++) {
        double a = 0, q = 0;
        for (long b = 0; b < BLOCKS; b++) a += sums[b * 2 * c + j], q += sums[b * 2 * c + c + j];
        double off = a / rows, spread = q / rows - off * off, middle = mean[j] + off;
        if (spread < 0) spread = 0;
        double over = 1 / sqrt(spread + eps), factor = over * (weight ? weight[j] : 1);
        mean[j] = (float)middle, inverse[j] = (float)over;
        scale[j] = (float)factor, shift[j] = (float)((bias ? bias[j] : 0) - middle * factor);
        if (running_mean) {
            running_mean[j] = (float)((1 - momentum) * running_mean[j] + momentum * middle);
            running_var[j] = (float)((1 - momentum) * running_var[j] + momentum * (spread * rows / (rows - 1)));
        }
    }
}

/* Block b of y. */
static void block_apply(const T *x, const T *skip, T *y, uint8_t *place, long n, long h, long w, long c, const float *kept, int relu, long b) {
    long rows = n * h * w, windows = n * (h / 2);
    const float *scale = kept + 2 * c, *shift = scale + c;
    if (place)
        apply_pool(x, skip, y, place, windows * b / BLOCKS, windows * (b + 1) / BLOCKS, h, w, c, scale, shift, relu);
    else
        apply(x, skip, y, rows * b / BLOCKS, rows * (b + 1) / BLOCKS, c, scale, shift, relu);
}

/* y of the batch; in `kept`, per channel, the mean, the inverse of the deviation, and the scale and shift that were used: (4, c).
 *
 * Deviations are taken from the first pixel; one that is hundreds of deviations from the mean costs digits.
 * place: NULL, or room for a byte a value of y: then y is pooled, and (n, h / 2, w / 2, c).
 * running_mean, running_var: moving averages, in which the batch gets the weight `momentum`, the variance without bias; or NULL.
 * sums: room for BLOCKS * 2 * c doubles.
 */
void norm_forward(const T *x, const T *skip, T *y, uint8_t *place, long n, long h, long w, long c, const float *weight,
                  const float *bias, float eps, int relu, float *kept, float *running_mean, float *running_var, double momentum, double *sums,
                  int threads) {
    take_first(x, c, kept);
#pragma omp parallel num_threads(threads)
    {
        Share mine = share();
        for (long b = mine.from; b < mine.to; b++) block_moments(x, n * h * w, c, kept, sums, b);
#pragma omp barrier
#pragma omp single
        keep_moments(n * h * w, c, weight, bias, eps, kept, running_mean, running_var, momentum, sums);
        for (long b = mine.to - 1; b >= mine.from; b--) block_apply(x, skip, y, place, n, h, w, c, kept, relu, b);
    }
}

/* y of values whose scale and shift are known, as in eval mode. */
void norm_apply(const T *x, T *y, long rows, long c, const float *scale, const float *shift, int relu, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long b = 0; b < BLOCKS; b++) apply(x, 0, y, rows * b / BLOCKS, rows * (b + 1) / BLOCKS, c, scale, shift, relu);
}

/* Sums of the gated gradient and of its product with x - mean; with a skip, the gated gradient is also written there. */
static INLINE void add_gradients(const Pass *p, long at, long j, long rows, long w, const long vectors, const long some) {
    V k[STRIP], s[STRIP], t[STRIP], a[STRIP], b[STRIP];
    for (long i = 0; i < vectors; i++) {
        long l = j + i * LANES;
        k[i] = get(p->mean + l), s[i] = get(p->scale + l), t[i] = get(p->shift + l);
        a[i] = get_some(p->a + l, some), b[i] = get_some(p->b + l, some);
    }
    for (; rows > 0; rows--, at += w)
        for (long i = 0; i < vectors; i++) {
            long here = at + i * LANES;
            V v = take(p->x + here, some), g = take(p->dy + here, some);
            if (!p->y)
                g = before(g, v, s[i], t[i], p->relu);
            else if (p->relu)
                g = keep(g, take(p->y + here, some) > (V){0});
            if (p->dskip) give(p->dskip + here, g, some);
            a[i] += g, b[i] = fused(g, v - k[i], b[i]);
        }
    for (long i = 0; i < vectors; i++) put_some(p->a + j + i * LANES, a[i], some), put_some(p->b + j + i * LANES, b[i], some);
}

static void gradient_sums(const T *x, const T *y, const T *dy, T *dskip, long from, long to, long c, const float *mean,
                          const float *scale, const float *shift, int relu, double *sums) {
    long m = copies(c), w = m * c;
    float k[w + LANES], s[w + LANES], t[w + LANES], a[w], b[w];
    repeat(k, mean, c, m), repeat(s, scale, c, m), repeat(t, shift, c, m);
    for (long j = 0; j < w; j++) a[j] = b[j] = 0;
    Pass p = {.x = x, .y = y, .dy = dy, .dskip = dskip, .mean = k, .scale = s, .shift = t, .a = a, .b = b, .relu = relu};
    over_rows(&p, from, to, c, m, sums, 0, add_gradients);
}

/* The gradient of x from the one after the gate. */
static INLINE V inner(V g, V x, V mean, V scale, V one, V two) { return fused(two, x - mean, fused(scale, g, one)); }

static INLINE void pass_gradients(const Pass *p, long at, long j, long rows, long w, const long vectors, const long some) {
    V k[STRIP], s[STRIP], t[STRIP], u[STRIP], v[STRIP];
    for (long i = 0; i < vectors; i++) {
        long l = j + i * LANES;
        k[i] = get(p->mean + l), s[i] = get(p->scale + l), t[i] = get(p->shift + l), u[i] = get(p->one + l), v[i] = get(p->two + l);
    }
    for (; rows > 0; rows--, at += w)
        for (long i = 0; i < vectors; i++) {
            long here = at + i * LANES;
            V z = take(p->x + here, some), g = before(take(p->dy + here, some), z, s[i], t[i], p->relu);
            give(p->out + here - p->base, inner(g, z, k[i], s[i], u[i], v[i]), some);
        }
}

static void gradient(const T *x, const T *dskip, const T *dy, T *dx, long base, long from, long to, long c, const float *mean,
                     const float *scale, const float *shift, const float *one, const float *two, int relu) {
    long m = whole_copies(c), w = m * c + LANES;
    float k[w], s[w], t[w], u[w], v[w];
    repeat(k, mean, c, m), repeat(s, scale, c, m), repeat(t, shift, c, m), repeat(u, one, c, m), repeat(v, two, c, m);
    const T *d = dskip ? dskip : dy;
    Pass p = {.x = x, .dy = d, .out = dx, .mean = k, .scale = s, .shift = t, .one = u, .two = v, .relu = relu && !dskip, .base = base};
    over_rows(&p, from, to, c, m, 0, 0, pass_gradients);
}

/* The gradients of the four pixels of a window, `some` channels of it from `there` on in y: of the largest one, and 0 of the others.
 * Where y is given, it is the gate. */
static INLINE void spread(const Pass *p, long there, V *g, const long some) {
    V all = take(p->dy + there, some);
    Bits place = take_bytes(p->place + there, some);
    if (p->y && p->relu) all = keep(all, take(p->y + there, some) > (V){0});
    for (int q = 0; q < 4; q++) g[q] = keep(all, place == q);
}

/* `some` channels from j on of the windows of a row, which begins at `at` in x and at `to` in y. */
typedef void Windows(const Pass *p, long at, long to, long w, long c, long j, const long some);

/* As add_gradients; the sums are of each column, the upper pixel before the lower one. */
static INLINE void add_windows(const Pass *p, long at, long to, long w, long c, long j, const long some) {
    const int gated = p->relu && !p->y;
    V k = get(p->mean + j), s = get(p->scale + j), t = get(p->shift + j);
    for (long i = 0; i < w / 2; i++) {
        V g[4];
        spread(p, to + i * c + j, g, some);
        for (long q = 0; q < 2; q++) {
            long column = (2 * i + q) * c + j, upper = at + column, lower = upper + w * c;
            V over = take(p->x + upper, some), under = take(p->x + lower, some);
            V d = before(g[q], over, s, t, gated), e = before(g[2 + q], under, s, t, gated);
            V a = get_some(p->a + column, some), b = get_some(p->b + column, some);
            a += d, b = fused(d, over - k, b), a += e, b = fused(e, under - k, b);
            put_some(p->a + column, a, some), put_some(p->b + column, b, some);
            if (p->dskip) give(p->dskip + upper, g[q], some), give(p->dskip + lower, g[2 + q], some);
        }
    }
}

/* As pass_gradients. */
static INLINE void pass_windows(const Pass *p, long at, long to, long w, long c, long j, const long some) {
    const int gated = p->relu && !p->y;
    V k = get(p->mean + j), s = get(p->scale + j), t = get(p->shift + j), u = get(p->one + j), v = get(p->two + j);
    for (long i = 0; i < w / 2; i++) {
        long here = at + 2 * i * c + j;
        long pixels[4] = {here, here + c, here + w * c, here + w * c + c};
        V g[4];
        spread(p, to + i * c + j, g, some);
        for (long q = 0; q < 4; q++) {
            V z = take(p->x + pixels[q], some);
            give(p->out + pixels[q] - p->base, inner(before(g[q], z, s, t, gated), z, k, s, u, v), some);
        }
    }
}

/* All channels of a row of windows. */
static INLINE void in_windows(const Pass *p, long r, long h, long w, long c, Windows *windows) {
    long at = origin(r, h, w, c), to = r * (w / 2) * c, j = 0;
    for (; j + LANES <= c; j += LANES) windows(p, at, to, w, c, j, LANES);
    if (j < c) windows(p, at, to, w, c, j, c - j);
}

static void gradient_sums_pool(const T *x, const T *y, const T *dy, T *dskip, const uint8_t *place, long from, long to, long h, long w,
                               long c, const float *mean, const float *scale, const float *shift, int relu, double *sums) {
    float k[c + LANES], s[c + LANES], t[c + LANES], a[w * c], b[w * c];
    repeat(k, mean, c, 1), repeat(s, scale, c, 1), repeat(t, shift, c, 1);
    for (long j = 0; j < w * c; j++) a[j] = b[j] = 0;
    Pass p = {.x = x, .y = y, .dy = dy, .dskip = dskip, .place = place, .mean = k, .scale = s, .shift = t, .a = a, .b = b, .relu = relu};
    for (long r = from, run = 0; r < to; r++) {
        in_windows(&p, r, h, w, c, add_windows);
        if (++run % FLUSH == 0) flush(sums, a, b, c, w);
    }
    flush(sums, a, b, c, w);
}

static void gradient_pool(const T *x, const T *y, const T *dy, const uint8_t *place, T *dx, long base, long from, long to, long h, long w, long c,
                          const float *mean, const float *scale, const float *shift, const float *one, const float *two, int relu) {
    long n = c + LANES;
    float k[n], s[n], t[n], u[n], v[n];
    repeat(k, mean, c, 1), repeat(s, scale, c, 1), repeat(t, shift, c, 1), repeat(u, one, c, 1), repeat(v, two, c, 1);
    Pass p = {.x = x, .y = y, .dy = dy, .out = dx, .place = place, .mean = k, .scale = s, .shift = t, .one = u, .two = v, .relu = relu, .base = base};
    for (long r = from; r < to; r++) in_windows(&p, r, h, w, c, pass_windows);
}

/* What both passes of the gradient read. place: NULL where nothing was pooled. room: for 2 * c floats, that the first one fills. */
typedef struct {
    const T *x, *y, *dy;
    const uint8_t *place;
    T *dskip;
    long n, h, w, c;
    int relu;
    const float *kept;
    float *room;
} Backward;

/* The sums of block b, and dskip. */
static void block_gradient_sums(const Backward *g, double *sums, long b) {
    long rows = g->n * g->h * g->w, windows = g->n * (g->h / 2), c = g->c;
    const float *mean = g->kept, *scale = mean + 2 * c, *shift = scale + c;
    double *part = sums + b * 2 * c;
    for (long j = 0; j < 2 * c; j++) part[j] = 0;
    if (g->place)
        gradient_sums_pool(g->x, g->y, g->dy, g->dskip, g->place, windows * b / BLOCKS, windows * (b + 1) / BLOCKS, g->h, g->w, c, mean, scale,
                           shift, g->relu, part);
    else
        gradient_sums(g->x, g->y, g->dy, g->dskip, rows * b / BLOCKS, rows * (b + 1) / BLOCKS, c, mean, scale, shift, g->relu, part);
}

/* dweight, dbias, and what the second pass needs. */
static void keep_gradients(const Backward *g, const double *sums, float *dweight, float *dbias) {
    long rows = g->n * g->h * g->w, c = g->c;
    const float *inverse = g->kept + c, *scale = inverse + c;
    float *one = g->room, *two = one + c;
    for (long j = 0; j < c; j++) {
        double first = 0, p = 0;
        for (long b = 0; b < BLOCKS; b++) first += sums[b * 2 * c + j], p += sums[b * 2 * c + c + j];
        double over = inverse[j];
        dbias[j] = (float)first, dweight[j] = (float)(p * over);
        one[j] = (float)(-scale[j] * first / rows), two[j] = (float)(-scale[j] * over * over * p / rows);
    }
}

/* dx of pixels, or of rows of windows where there was a pooling, from `from` to `to`; base: the first value of x whose gradient dx has room
 * for. */
static void pass_back(const Backward *g, long from, long to, T *dx, long base) {
    const float *mean = g->kept, *scale = mean + 2 * g->c, *shift = scale + g->c, *one = g->room, *two = one + g->c;
    if (g->place)
        gradient_pool(g->x, g->y, g->dy, g->place, dx, base, from, to, g->h, g->w, g->c, mean, scale, shift, one, two, g->relu);
    else
        gradient(g->x, g->dskip, g->dy, dx, base, from, to, g->c, mean, scale, shift, one, two, g->relu);
}

/* dx, dweight, dbias, and with a skip dskip. h and w are even where y was pooled (`place` given).
 *
 * y: NULL without a skip; then the gate is found from x.
 * kept: of norm_forward. room: for 2 * c floats; sums as above.
 */
void norm_backward(const T *x, const T *y, const T *dy, const uint8_t *place, T *dx, T *dskip, long n, long h, long w, long c,
                   int relu, const float *kept, float *dweight, float *dbias, float *room, double *sums, int threads) {
    Backward g = {x, y, dy, place, dskip, n, h, w, c, relu, kept, room};
    long all = place ? n * (h / 2) : n * h * w;
#pragma omp parallel num_threads(threads)
    {
        Share mine = share();
        for (long b = mine.from; b < mine.to; b++) block_gradient_sums(&g, sums, b);
#pragma omp barrier
#pragma omp single
        keep_gradients(&g, sums, dweight, dbias);
        for (long b = mine.to - 1; b >= mine.from; b--) pass_back(&g, all * b / BLOCKS, all * (b + 1) / BLOCKS, dx, 0);
    }
}
