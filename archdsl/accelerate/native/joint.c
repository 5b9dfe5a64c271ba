/* A convolution on tiles and the batch norm behind it, with a skip, ReLU and pooling, as one: bit for bit what the two compute one after
 * the other, with fewer ways to memory, for which a training step waits half of its time.
 *
 * Forwards, the moments of some images are summed while their outputs are in the cache. Backwards, the gradient between the two is made
 * for some images at a time, and both gradients of the convolution are made of it; it is never written as a whole.
 */
#include "tiles.c"

#include "norm.c"

/* Whether the two can be one, and leave no thread without work: the norm's blocks are whole images, and all output channels in one share. */
long joint_fits(long n, long h, long w, long c, long k, long pad, long threads) {
    Form f = form_of(h, w, pad);
    Plan p = plan_of(&f, n, c, k);
    return n % BLOCKS == 0 && p.shares == 1 && threads <= BLOCKS && (p.splits % threads == 0 || p.splits >= 2 * threads);
}

/* Images of a group of the forward pass. */
static long joint_group(const Form *f, long n, long c, long k) { return group_of(f, n, c, k, BLOCKS); }

/* Floats of the workspaces of joint_forward and joint_backward. */
long joint_workspace(long n, long h, long w, long c, long k, long pad, long threads) {
    Form f = form_of(h, w, pad);
    return (weight_room(c, k) + threads * room_of(&f, joint_group(&f, n, c, k)) * parts_of(c, PAIR) * PAIR) / 2 + 32;
}
static long between_of(const Form *f, const Plan *p, long k) { return parts_of(p->group * f->rows * f->columns * k, PAIR) * PAIR; }
long joint_back_workspace(long n, long h, long w, long c, long k, long pad, long threads) {
    Form f = form_of(h, w, pad);
    Plan p = plan_of(&f, n, c, k);
    return p.splits * p.tiles * SIDE * SIDE + (weight_room(k, c) + threads * (kept_by(&p, c) + between_of(&f, &p, k))) / 2 + 32;
}

/* y = x * weight as tiles_convolve has it, and z of y as norm_forward has it. */
void joint_forward(const T *x, const float *weight, const long *step, const T *skip, T *y, T *z, uint8_t *place, long n, long h, long w, long c,
                   long k, long pad, const float *scale, const float *bias, float eps, int relu, float *kept, float *running_mean,
                   float *running_var, double momentum, double *sums, float *workspace, int threads) {
    Form f = form_of(h, w, pad);
    long group = joint_group(&f, n, c, k), room = room_of(&f, group), values = room * parts_of(c, PAIR) * PAIR;
    long image = f.rows * f.columns, rows = n * image, share_of_images = n / BLOCKS;
    T *ready = aligned(workspace), *lists = ready + weight_room(c, k);
#pragma omp parallel num_threads(threads)
    {
        T *list = lists + omp_get_thread_num() * values;
        Share mine = share();
        memset(list, 0, values * sizeof(T));
        make_ready(weight, step, c, k, 0, ready);
        begin_tiles();
#pragma omp single
        { /* some pixels of the first row, which come again in their block */
            Form row = f;
            row.rows = 1, row.columns = min_of(f.columns, SIDE);
            lay_out(x, 1, min_of(h, 3), w, c, c, &f, pad, room, list);
            convolve_list(&row, list, 1, room, c, k, ready, 0, y);
            take_first(y, k, kept);
        }
        for (long b = mine.from; b < mine.to; b++) {
            for (long at = b * share_of_images, to = at + share_of_images; at < to; at += group) {
                long images = min_of(group, to - at);
                lay_out(x + at * h * w * c, images, h, w, c, c, &f, pad, room, list);
                convolve_list(&f, list, images, room, c, k, ready, 0, y + at * image * k);
            }
            block_moments(y, rows, k, kept, sums, b);
        }
        end_tiles();
#pragma omp barrier
#pragma omp single
        keep_moments(rows, k, scale, bias, eps, kept, running_mean, running_var, momentum, sums);
        for (long b = mine.to - 1; b >= mine.from; b--) block_apply(y, skip, z, place, n, f.rows, f.columns, k, kept, relu, b);
    }
}

/* The gradients of all that joint_forward was given. step, back: of the weights as tiles_weight and, for the image's gradient, tiles_convolve
 * take them. z, dz, place, dskip, kept, room, sums: as norm_backward has y, dy and the others. dx: NULL where it is not wanted. */
void joint_backward(const T *x, const float *weight, const long *step, const long *back, const T *y, const T *z, const T *dz,
                    const uint8_t *place, T *dx, float *dweight, T *dskip, long n, long h, long w, long c, long k, long pad, int relu,
                    const float *kept, float *dscale, float *dbias, float *room, double *sums, float *workspace, int threads) {
    Form f = form_of(h, w, pad), g = form_of(f.rows, f.columns, 2 - pad); /* rows and images are as far apart in both */
    Plan plan = plan_of(&f, n, c, k);
    Backward norm = {y, z, dz, place, dskip, n, f.rows, f.columns, k, relu, kept, room};
    long values = plan.room * parts_of(c, PAIR) * PAIR, others = plan.room * plan.channels, between_values = between_of(&f, &plan, k);
    long image = f.rows * f.columns, parts = place ? f.rows / 2 : image;
    float *all = (float *)aligned(workspace);
    T *ready = (T *)(all + plan.splits * plan.tiles * SIDE * SIDE), *kept_lists = ready + weight_room(k, c);
#pragma omp parallel num_threads(threads)
    {
        T *list = kept_lists + omp_get_thread_num() * (kept_by(&plan, c) + between_values);
        T *pairs = list + values, *other = pairs + 2 * values, *turned = other + others, *between = list + kept_by(&plan, c);
        Share mine = share();
        memset(list, 0, values * sizeof(T));
        if (dx) make_ready(weight, back, k, c, 1, ready);
        for (long b = mine.from; b < mine.to; b++) block_gradient_sums(&norm, sums, b);
#pragma omp barrier
#pragma omp single
        keep_gradients(&norm, sums, dscale, dbias);
        begin_tiles();
#pragma omp for schedule(static)
        for (long s = 0; s < plan.splits; s++) {
            long from = n * s / plan.splits, to = n * (s + 1) / plan.splits;
            for (long at = from; at < to; at += plan.group) {
                long images = min_of(plan.group, to - at);
                if (at == from || images < plan.group) memset(other, 0, others * sizeof(T));
                lay_out(x + at * h * w * c, images, h, w, c, c, &f, pad, plan.room, list);
                pass_back(&norm, at * parts, (at + images) * parts, between, at * image * k);
                lay_out(between, images, f.rows, f.columns, k, k, &g, 2 - pad, plan.room, other);
                if (dx) convolve_list(&g, other, images, plan.room, k, c, ready, 0, dx + at * h * w * c);
                add_group(&f, &plan, list, other + (2 - pad) * (f.pitch + 1) * PAIR, images, c, k, 0, k, pairs, turned,
                          all + s * plan.tiles * SIDE * SIDE, at == from);
            }
        }
        end_tiles();
        add_splits(&plan, all, c, k, dweight, step);
    }
}
