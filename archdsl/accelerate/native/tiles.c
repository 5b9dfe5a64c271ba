/* 3x3 convolutions of stride 1 on the tiles of AMX: products of bfloat16, sums of float.
 *
 * A convolution is a sum of nine products of matrices, one for each place in the window. A group of images is copied with zeros around
 * them, so that its pixels are one list of positions: the pixel at the place (i, j) of a window is `i * pitch + j` positions ahead of the
 * window's first one, in any row of any image. A row ends in as many zeros as the next one begins with, so that both share them. So
 * sixteen positions in turn are a tile, whatever the size of the image; positions outside of the output are not written.
 *
 * The gradient of the weights is a product over the positions, for each place in the window. Its tiles hold pairs of neighbouring
 * positions; the image is kept in pairs that begin at even positions and in pairs that begin at odd ones, as a load that crosses
 * lines of the cache takes three times as long.
 *
 * Images are (n, h, w, c) of bfloat16 with the channels innermost, weights float, rounded to bfloat16. Any number of channels.
 */
#include "lanes.h"
#include "tiles.h"
#include <immintrin.h>
#include <omp.h>
#include <string.h>

enum { WINDOW = 9 }; /* places in a window */
/* Bytes of the positions of a group of images. Many weights do not stay in the second level of the cache; the more positions they meet
 * each time, the fewer times they are read. */
enum { GROUP = 256 << 10, LARGE_GROUP = 1 << 20, MANY_WEIGHTS = 256 << 10 };
/* Bytes of the weights that a position meets in turn, in strips of 32 output channels, and the most of these. */
enum { STRIPS = 512 << 10, MOST_STRIPS = 8 };
/* In the gradient of the weights: positions for which sums are read and written once, parts that threads can share, and floats of
 * the sums of all parts of a batch. */
enum { ENOUGH = 512, PARTS = 16, SUMS = 4 << 20 };

static INLINE long parts_of(long all, long part) { return (all + part - 1) / part; }
static INLINE T *aligned(void *p) { return (T *)(((uintptr_t)p + 63) & ~(uintptr_t)63); }
static INLINE __mmask32 mask_of(long some) { return some >= 32 ? ~(__mmask32)0 : ((__mmask32)1 << some) - 1; }
static INLINE __mmask16 floats_mask(long some) { return some >= 16 ? 0xffff : some <= 0 ? 0 : (1u << some) - 1; }

/* The list of positions of a group of images: positions from row to row, and from image to image. */
typedef struct {
    long h, w, rows, columns, pad, pitch, image;
} Form;

static Form form_of(long h, long w, long pad) {
    long pitch = w + pad;
    return (Form){h, w, h + 2 * pad - 2, w + 2 * pad - 2, pad, pitch, (h + pad) * pitch};
}
/* Positions of windows of a group, and room for those and what their windows reach, in whole pairs of tiles. */
static long span(const Form *f, long images) { return (images - 1) * f->image + (f->rows - 1) * f->pitch + f->columns; }
static long room_of(const Form *f, long images) { return parts_of(images * f->image + 2 * f->pitch + 2 + PAIR, PAIR) * PAIR; }

/* Rows * columns pixels of each image as a list of positions, which has zeros elsewhere: for each 32 channels, 32 values a position.
 * c: channels of an image, of which `count` are taken; before: rows and columns of zeros before an image. */
static void lay_out(const T *x, long images, long rows, long columns, long c, long count, const Form *f, long before, long room, T *out) {
    long blocks = parts_of(count, PAIR);
    __mmask32 last = mask_of(count - (blocks - 1) * PAIR);
    for (long i = 0; i < images; i++)
        for (long r = 0; r < rows; r++) {
            const T *from = x + (i * rows + r) * columns * c;
            T *to = out + (i * f->image + (r + before) * f->pitch + before) * PAIR;
            for (long q = 0; q < columns; q++, from += c, to += PAIR) {
                for (long b = 0; b < blocks - 1; b++) _mm512_store_si512(to + b * room * PAIR, _mm512_loadu_si512(from + b * PAIR));
                _mm512_store_si512(to + (blocks - 1) * room * PAIR, _mm512_maskz_loadu_epi16(last, from + (blocks - 1) * PAIR));
            }
        }
}

/* Rows of 16 words to columns. */
static INLINE void transpose(__m512i *r) {
#pragma GCC unroll 4
    for (int step = 8; step; step /= 2) {
        int low[16], high[16];
        for (int j = 0; j < 16; j++) low[j] = j & step ? 16 + j - step : j, high[j] = j & step ? 16 + j : j + step;
        __m512i left = _mm512_loadu_si512(low), right = _mm512_loadu_si512(high);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++)
            if (!(i & step)) {
                __m512i a = r[i], b = r[i + step];
                r[i] = _mm512_permutex2var_epi32(a, left, b), r[i + step] = _mm512_permutex2var_epi32(a, right, b);
            }
    }
}

/* The lower or the upper 16 values of two rows of 32, in turns. */
static INLINE __m512i in_turns(__m512i one, __m512i two, const int upper) {
    short from[32];
    for (int j = 0; j < 32; j++) from[j] = (short)(j / 2 + 16 * upper + 32 * (j & 1));
    return _mm512_permutex2var_epi16(one, _mm512_loadu_si512(from), two);
}

/* A tile of the weights: of `ins` input channels, two of which are a row, and `outs` output channels. */
static void weight_tile(const float *from, long out_step, long in_step, long outs, long ins, T *to) {
    __m512i rows[PAIR];
    __mmask16 some = floats_mask(outs);
    if (out_step == 1)
        for (long i = 0; i < PAIR; i++) rows[i] = i < ins ? (__m512i)_mm512_maskz_loadu_ps(some, from + i * in_step) : _mm512_setzero_si512();
    else if (in_step == 1)
        for (long half = 0; half < 2; half++) {
            __m512i r[SIDE];
#pragma GCC unroll 16
            for (long o = 0; o < SIDE; o++)
                r[o] = o < outs ? (__m512i)_mm512_maskz_loadu_ps(floats_mask(ins - 16 * half), from + o * out_step + 16 * half) : _mm512_setzero_si512();
            transpose(r);
            memcpy(rows + SIDE * half, r, sizeof r);
        }
    else
        for (long i = 0; i < PAIR; i++) {
            float row[SIDE] = {0};
            for (long o = 0; i < ins && o < outs; o++) row[o] = from[o * out_step + i * in_step];
            rows[i] = _mm512_loadu_si512(row);
        }
    short turns[32];
    for (int j = 0; j < 32; j++) turns[j] = (short)(j / 2 + 16 * (j & 1));
    for (long j = 0; j < SIDE; j++) {
        __m512bh both = _mm512_cvtne2ps_pbh((__m512)rows[2 * j + 1], (__m512)rows[2 * j]);
        _mm512_store_si512(to + j * PAIR, _mm512_permutexvar_epi16(_mm512_loadu_si512(turns), (__m512i)both));
    }
}

/* The windows of two tiles of positions, from `x` and from `x + next` on: nine products over the channels. `wide`: 1, or 2 tiles of output
 * channels; step: bytes from position to position of the sums. */
static INLINE void window_sums(const T *x, long next, long room, long pitch, long blocks, const T *weight, float *sums, long step,
                               const int wide) {
    float *below = sums + SIDE * step / (long)sizeof(float);
    ZERO(0);
    ZERO(2);
    if (wide == 2) {
        ZERO(1);
        ZERO(3);
    }
    for (; blocks > 0; blocks--, x += room * PAIR)
        for (long i = 0; i < 3; i++)
            for (long j = 0; j < 3; j++, weight += 2 * TILE) {
                const T *from = x + (i * pitch + j) * PAIR;
                LOAD(4, from, 64);
                LOAD(6, weight, 64);
                MULTIPLY(0, 4, 6);
                if (wide == 2) {
                    LOAD(7, weight + TILE, 64);
                    MULTIPLY(1, 4, 7);
                }
                LOAD(5, from + next, 64);
                MULTIPLY(2, 5, 6);
                if (wide == 2) MULTIPLY(3, 5, 7);
            }
    STORE(0, sums, step);
    STORE(2, below, step);
    if (wide == 2) {
        STORE(1, sums + SIDE, step);
        STORE(3, below + SIDE, step);
    }
}

/* The sums with the bias, in bfloat16, into the pixels at y; `count` channels. */
static INLINE void give_pixel(const float *sums, const float *bias, long count, T *y) {
    for (long o = 0; o < count; o += PAIR) {
        __m512 one = _mm512_load_ps(sums + o), two = _mm512_load_ps(sums + o + SIDE);
        if (bias) {
            one += _mm512_maskz_loadu_ps(floats_mask(count - o), bias + o);
            two += _mm512_maskz_loadu_ps(floats_mask(count - o - SIDE), bias + o + SIDE);
        }
        _mm512_mask_storeu_epi16(y + o, mask_of(count - o), (__m512i)_mm512_cvtne2ps_pbh(two, one));
    }
}

/* Where a tile of the output begins in the list. Rows of whole tiles have no others; else the tiles are 16 positions in turn, in any row. */
static INLINE long start_of(const Form *f, long tile) {
    long in_row = f->columns / SIDE, row = in_row ? tile / in_row : 0;
    if (f->columns % SIDE) return tile * SIDE;
    return (row / f->rows * (f->h + f->pad) + row % f->rows) * f->pitch + tile % in_row * SIDE;
}
static long tiles_of(const Form *f, long images) {
    return f->columns % SIDE ? parts_of(span(f, images), SIDE) : images * f->rows * (f->columns / SIDE);
}

/* What two tiles of sums hold of the output, `strips` of 32 channels, of which there are `count`; y: the next pixel, which is moved on.
 * at: the first tile's number; images: of the group. c: channels of the whole output. */
static INLINE T *give_tiles(const Form *f, const float *sums, long at, long images, const float *bias, long strips, long count, long c, T *y) {
    const int whole = f->columns % SIDE == 0;
    long row = 0, column = 0, many = min_of(2 * SIDE, (whole ? images * f->rows * f->columns : span(f, images)) - at * SIDE);
    if (!whole) row = at * SIDE / f->pitch % (f->h + f->pad), column = at * SIDE % f->pitch;
    for (long q = 0; q < many; q++, sums += strips * PAIR) {
        if (whole || (row < f->rows && column < f->columns)) give_pixel(sums, bias, count, y), y += c;
        if (++column == f->pitch) column = 0, row = row + 1 == f->h + f->pad ? 0 : row + 1;
    }
    return y;
}

/* Images of a group: as many as the cache holds, and no more than leave work for each thread. */
static long group_of(const Form *f, long n, long c, long k, long threads) {
    long bytes = f->image * parts_of(c, PAIR) * 64, most = c * k * WINDOW * 2 > MANY_WEIGHTS ? LARGE_GROUP : GROUP;
    return max_of(1, min_of(most / bytes, parts_of(n, threads)));
}

static long weight_room(long c, long k) { return parts_of(k, PAIR) * WINDOW * parts_of(c, PAIR) * 2 * TILE; }
static long strip_of(long blocks) { return WINDOW * blocks * 2 * TILE; }

/* The weights as tiles, strip by strip of 32 output channels; by all threads of a team, which wait for each other at the end.
 * step: from output to output channel, input to input channel, row to row, column to column. `flip` rotates by 180 degrees. */
static void make_ready(const float *weight, const long *step, long c, long k, int flip, T *ready) {
    long blocks = parts_of(c, PAIR), outs = parts_of(k, PAIR);
#pragma omp for collapse(2) schedule(static)
    for (long o = 0; o < outs; o++)
        for (long place = 0; place < WINDOW; place++)
            for (long b = 0; b < blocks; b++)
                for (long half = 0; half < 2 && o * PAIR + half * SIDE < k; half++) {
                    long first = o * PAIR + half * SIDE, i = flip ? 2 - place / 3 : place / 3, j = flip ? 2 - place % 3 : place % 3;
                    const float *from = weight + first * step[0] + b * PAIR * step[1] + i * step[2] + j * step[3];
                    weight_tile(from, step[0], step[1], min_of(SIDE, k - first), min_of(PAIR, c - b * PAIR),
                                ready + o * strip_of(blocks) + ((b * WINDOW + place) * 2 + half) * TILE);
                }
}

/* The outputs, k channels at y, of a group of images in a list, c channels; as many strips of the weights at a time as the cache holds, so
 * that y is written in long pieces. bias: NULL where there is none. */
static void convolve_list(const Form *f, const T *list, long images, long room, long c, long k, const T *ready, const float *bias, T *y) {
    float sums[MOST_STRIPS * PAIR * PAIR] __attribute__((aligned(64)));
    long blocks = parts_of(c, PAIR), outs = parts_of(k, PAIR), strip = strip_of(blocks), all = tiles_of(f, images);
    long many = max_of(1, min_of(MOST_STRIPS, STRIPS / (strip * (long)sizeof(T))));
    for (long o = 0; o < outs; o += many) {
        long strips = min_of(many, outs - o), channels = min_of(strips * PAIR, k - o * PAIR), bytes = strips * PAIR * sizeof(float);
        T *to = y + o * PAIR;
        for (long t = 0; t < all; t += 2) {
            long at = start_of(f, t), next = t + 1 < all ? start_of(f, t + 1) - at : 0;
            for (long s = 0; s < strips; s++) {
                const T *from = list + at * PAIR, *weights = ready + (o + s) * strip;
                if (channels - s * PAIR > SIDE)
                    window_sums(from, next * PAIR, room, f->pitch, blocks, weights, sums + s * PAIR, bytes, 2);
                else
                    window_sums(from, next * PAIR, room, f->pitch, blocks, weights, sums + s * PAIR, bytes, 1);
            }
            to = give_tiles(f, sums, t, images, bias ? bias + o * PAIR : 0, strips, channels, k, to);
        }
    }
}

/* Floats of the workspace of tiles_convolve. */
long tiles_workspace(long n, long h, long w, long c, long k, long pad, long threads) {
    Form f = form_of(h, w, pad);
    long group = group_of(&f, n, c, k, threads), most = min_of(threads, parts_of(n, group));
    return (weight_room(c, k) + most * room_of(&f, group) * parts_of(c, PAIR) * PAIR) / 2 + 32;
}

/* y = x * weight + bias with `pad` rows and columns of zeros around x; (n, h, w, c) to (n, h + 2 pad - 2, w + 2 pad - 2, k).
 * With `flip` the weights are rotated by 180 degrees, which makes the gradient of the image from that of the output. */
void tiles_convolve(const T *x, const float *weight, const long *step, const float *bias, T *y, long n, long h, long w, long c, long k,
                    long pad, int flip, float *workspace, int threads) {
    Form f = form_of(h, w, pad);
    long group = group_of(&f, n, c, k, threads), groups = parts_of(n, group), room = room_of(&f, group), values = room * parts_of(c, PAIR) * PAIR;
    T *ready = aligned(workspace), *lists = ready + weight_room(c, k);
#pragma omp parallel num_threads(min_of(threads, groups))
    {
        T *list = lists + omp_get_thread_num() * values;
        memset(list, 0, values * sizeof(T));
        make_ready(weight, step, c, k, flip, ready);
        begin_tiles();
#pragma omp for schedule(static)
        for (long g = 0; g < groups; g++) {
            long first = g * group, images = min_of(group, n - first);
            lay_out(x + first * h * w * c, images, h, w, c, c, &f, pad, room, list);
            convolve_list(&f, list, images, room, c, k, ready, bias, y + first * f.rows * f.columns * k);
        }
        end_tiles();
    }
}

/* -- the gradient of the weights -------------------------------------------------------------------------- */

/* The list of positions as pairs of neighbours, from even positions and then from odd ones: for each 16 channels, 16 pairs of values a pair. */
static void pair_up(const T *list, long room, long blocks, T *pairs) {
    long half = room / 2 * PAIR, odd = 2 * blocks * half;
    for (long b = 0; b < blocks; b++, list += room * PAIR, pairs += 2 * half) {
        __m512i one = _mm512_load_si512(list);
        for (long q = 0; q < room / 2; q++) {
            __m512i two = _mm512_load_si512(list + (2 * q + 1) * PAIR), next = two;
            if (2 * q + 2 < room) next = _mm512_load_si512(list + (2 * q + 2) * PAIR);
            T *to = pairs + q * PAIR;
            _mm512_store_si512(to, in_turns(one, two, 0)), _mm512_store_si512(to + half, in_turns(one, two, 1));
            _mm512_store_si512(to + odd, in_turns(two, next, 0)), _mm512_store_si512(to + odd + half, in_turns(two, next, 1));
            one = next;
        }
    }
}

/* A list of positions as tiles whose rows are channels: for each 16 channels, 16 rows of 32 positions for each 32 positions. */
static void turn(const T *list, long room, long positions, long blocks, T *tiles) {
    for (long b = 0; b < blocks; b++, list += room * PAIR)
        for (int half = 0; half < 2; half++, tiles += positions * SIDE)
            for (long p = 0; p < positions; p += PAIR) {
                __m512i r[SIDE];
#pragma GCC unroll 16
                for (long j = 0; j < SIDE; j++) {
                    const T *at = list + (p + 2 * j) * PAIR;
                    r[j] = half ? in_turns(_mm512_load_si512(at), _mm512_load_si512(at + PAIR), 1)
                                : in_turns(_mm512_load_si512(at), _mm512_load_si512(at + PAIR), 0);
                }
                transpose(r);
#pragma GCC unroll 16
                for (long j = 0; j < SIDE; j++) _mm512_store_si512(tiles + p * SIDE + j * PAIR, r[j]);
            }
}

/* The products of `high` tiles of output channels and `wide` tiles of input channels over the positions, added to the sums; `first`: there
 * are none yet. Strides are from tile to tile of channels. */
static INLINE void add_products(const T *dy, long dy_stride, const T *x, long x_stride, long positions, float *sums, long down, int first,
                                const int high, const int wide) {
    float *right = sums + SIDE * SIDE, *below = sums + down, *corner = below + SIDE * SIDE;
    if (first) {
        ZERO(0);
        ZERO(1);
        ZERO(2);
        ZERO(3);
    } else {
        LOAD(0, sums, 64);
        if (wide == 2) LOAD(1, right, 64);
        if (high == 2) LOAD(2, below, 64);
        if (high == 2 && wide == 2) LOAD(3, corner, 64);
    }
    for (long p = 0; p < positions; p += PAIR, dy += TILE, x += TILE) {
        LOAD(4, dy, 64);
        LOAD(6, x, 64);
        MULTIPLY(0, 4, 6);
        if (wide == 2) {
            LOAD(7, x + x_stride, 64);
            MULTIPLY(1, 4, 7);
        }
        if (high == 2) {
            LOAD(5, dy + dy_stride, 64);
            MULTIPLY(2, 5, 6);
            if (wide == 2) MULTIPLY(3, 5, 7);
        }
    }
    STORE(0, sums, 64);
    if (wide == 2) STORE(1, right, 64);
    if (high == 2) STORE(2, below, 64);
    if (high == 2 && wide == 2) STORE(3, corner, 64);
}

/* How the gradient is shared out: images are split, and the output channels taken in shares of whole pairs of tiles. Neither depends on the
 * threads, and the splits are added in their order, so that the threads do not change a bit. */
typedef struct {
    long splits, shares, channels, group, room, positions, tiles;
} Plan;

static Plan plan_of(const Form *f, long n, long c, long k) {
    Plan p = {.tiles = WINDOW * parts_of(k, SIDE) * parts_of(c, SIDE)};
    p.splits = max_of(1, min_of(min_of(n, PARTS), SUMS / (p.tiles * SIDE * SIDE)));
    if (p.splits > 1) p.splits &= ~1L; /* as few machines have an odd number of threads */
    p.shares = max_of(1, min_of(parts_of(k, PAIR), PARTS / 2 / p.splits));
    p.channels = parts_of(parts_of(k, PAIR), p.shares) * PAIR;
    p.shares = parts_of(k, p.channels);
    long bytes = f->image * (3 * parts_of(c, PAIR) * 64 + 2 * p.channels * 2);
    p.group = min_of(parts_of(n, p.splits), max_of(parts_of(ENOUGH, f->image), max_of(1, 3 * GROUP / bytes)));
    p.room = room_of(f, p.group), p.positions = parts_of(span(f, p.group), PAIR) * PAIR;
    return p;
}

/* Values of bfloat16 that a thread keeps: the lists of both, pairs of the one and tiles of the other. */
static long kept_by(const Plan *p, long c) { return p->room * (3 * parts_of(c, PAIR) * PAIR + p->channels) + p->positions * p->channels; }

/* Floats of the workspace of tiles_weight. */
long tiles_weight_workspace(long n, long h, long w, long c, long k, long pad, long threads) {
    Form f = form_of(h, w, pad);
    Plan p = plan_of(&f, n, c, k);
    return p.splits * p.tiles * SIDE * SIDE + min_of(threads, p.splits * p.shares) * kept_by(&p, c) / 2 + 32;
}

/* The products of the images in `list`, c channels, and of the gradients at their positions in `other`, `count` output channels from `first`
 * on of k, added to the sums of a split; `new`: there are none yet. pairs, turned: room for both in the forms that tiles multiply. */
static void add_group(const Form *f, const Plan *plan, const T *list, const T *other, long images, long c, long k, long first, long count,
                      T *pairs, T *turned, float *sums, int new) {
    long blocks = parts_of(c, PAIR), ins = parts_of(c, SIDE), outs = parts_of(k, SIDE), down = ins * SIDE * SIDE;
    long tiles = parts_of(count, SIDE), positions = parts_of(span(f, images), PAIR) * PAIR, aside = positions * SIDE, half = plan->room / 2 * PAIR;
    pair_up(list, plan->room, blocks, pairs);
    turn(other, plan->room, positions, parts_of(count, PAIR), turned);
    for (long o = 0; o < tiles; o += 2)
        for (long i = 0; i < ins; i += 2)
            for (long place = 0; place < WINDOW; place++) {
                long ahead = place / 3 * f->pitch + place % 3;
                const T *left = turned + o * aside, *right = pairs + (ahead & 1) * 2 * blocks * half + i * half + ahead / 2 * PAIR;
                float *sum = sums + ((place * outs + first / SIDE + o) * ins + i) * SIDE * SIDE;
                int high = o + 1 < tiles, wide = i + 1 < ins;
                if (high && wide)
                    add_products(left, aside, right, half, positions, sum, down, new, 2, 2);
                else if (high)
                    add_products(left, aside, right, half, positions, sum, down, new, 2, 1);
                else if (wide)
                    add_products(left, aside, right, half, positions, sum, down, new, 1, 2);
                else
                    add_products(left, aside, right, half, positions, sum, down, new, 1, 1);
            }
}

/* The sums of all splits, in their order, into dweight; by all threads of a team. */
static void add_splits(const Plan *plan, const float *all, long c, long k, float *dweight, const long *step) {
    long ins = parts_of(c, SIDE), outs = parts_of(k, SIDE);
#pragma omp for collapse(2) schedule(static)
    for (long place = 0; place < WINDOW; place++)
        for (long o = 0; o < k; o++)
            for (long i = 0; i < c; i += SIDE) {
                const float *from = all + ((place * outs + o / SIDE) * ins + i / SIDE) * SIDE * SIDE + o % SIDE * SIDE;
                __m512 sum = _mm512_setzero_ps();
                for (long s = 0; s < plan->splits; s++) sum += _mm512_loadu_ps(from + s * plan->tiles * SIDE * SIDE);
                float *to = dweight + o * step[0] + i * step[1] + place / 3 * step[2] + place % 3 * step[3], row[SIDE];
                if (step[1] == 1)
                    _mm512_mask_storeu_ps(to, floats_mask(c - i), sum);
                else {
                    _mm512_storeu_ps(row, sum);
                    for (long j = 0; j < min_of(SIDE, c - i); j++) to[j * step[1]] = row[j];
                }
            }
}

/* dweight, by its own strides, of (n, h, w, c) and the gradient of the output. */
void tiles_weight(const T *x, const T *dy, float *dweight, const long *step, long n, long h, long w, long c, long k, long pad,
                  float *workspace, int threads) {
    Form f = form_of(h, w, pad);
    Plan plan = plan_of(&f, n, c, k);
    long values = plan.room * parts_of(c, PAIR) * PAIR, others = plan.room * plan.channels;
    float *all = (float *)aligned(workspace);
#pragma omp parallel num_threads(min_of(threads, plan.splits * plan.shares))
    {
        T *list = (T *)(all + plan.splits * plan.tiles * SIDE * SIDE) + omp_get_thread_num() * kept_by(&plan, c);
        T *pairs = list + values, *other = pairs + 2 * values, *turned = other + others;
        memset(list, 0, values * sizeof(T));
        begin_tiles();
#pragma omp for collapse(2) schedule(static)
        for (long s = 0; s < plan.splits; s++)
            for (long part = 0; part < plan.shares; part++) {
                long from = n * s / plan.splits, to = n * (s + 1) / plan.splits, first = part * plan.channels, count = min_of(plan.channels, k - first);
                for (long at = from; at < to; at += plan.group) {
                    long images = min_of(plan.group, to - at);
                    if (at == from || images < plan.group) memset(other, 0, others * sizeof(T)); /* a group before it may have been larger */
                    lay_out(x + at * h * w * c, images, h, w, c, c, &f, pad, plan.room, list);
                    lay_out(dy + at * f.rows * f.columns * k + first, images, f.rows, f.columns, k, count, &f, 0, plan.room, other);
                    add_group(&f, &plan, list, other, images, c, k, first, count, pairs, turned, all + s * plan.tiles * SIDE * SIDE, at == from);
                }
            }
        end_tiles();
        add_splits(&plan, all, c, k, dweight, step);
    }
}
