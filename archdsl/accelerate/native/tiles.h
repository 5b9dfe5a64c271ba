/* The tiles of AMX: eight of them, for each thread. Compilers have functions for them only since a few years, assemblers for longer.
 *
 * Instructions: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18; TDPBF16PS in volume 2.
 * With -DIMITATED the same in plain C, by which a processor without tiles can try what is written for them.
 */
#pragma once
#include <stdint.h>
#include <string.h>

/* SIDE: rows of a tile, and floats of its rows. PAIR: values of bfloat16 in a row; positions and channels of two tiles. TILE: values of
 * bfloat16 in a tile. */
enum { SIDE = 16, PAIR = 32, TILE = 512 };

#ifndef IMITATED
#include <sys/syscall.h>
#include <unistd.h>

/* `step`: bytes from row to row. A compiler may not move what it reads or writes in memory over them. */
#define LOAD(tile, from, step) __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"(from), "r"((long)(step)) : "memory")
#define STORE(tile, to, step) __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(to), "r"((long)(step)) : "memory")
#define ZERO(tile) __asm__ volatile("tilezero %%tmm" #tile ::)
/* To the sums of floats, the product of two tiles of bfloat16, the right one of which has two rows in each of its rows, value by value. */
#define MULTIPLY(sum, left, right) __asm__ volatile("tdpbf16ps %%tmm" #right ", %%tmm" #left ", %%tmm" #sum ::)

/* Ask the system for the use of tiles, for the whole process; 1 where it grants that. */
long tiles_granted(void) {
    enum { REQUEST = 0x1023, TILE_DATA = 18 }; /* ARCH_REQ_XCOMP_PERM and XFEATURE_XTILE_DATA of Linux */
    return syscall(SYS_arch_prctl, (long)REQUEST, (long)TILE_DATA) == 0;
}

/* Eight whole tiles. Until `end_tiles` the system saves them with each change of threads. */
static void begin_tiles(void) {
    struct {
        uint8_t palette, start, none[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } form = {.palette = 1};
    for (int i = 0; i < 8; i++) form.bytes[i] = 64, form.rows[i] = SIDE;
    __asm__ volatile("ldtilecfg %0" ::"m"(form));
}
static void end_tiles(void) { __asm__ volatile("tilerelease" ::); }

#else
static _Thread_local uint32_t imitated[8][SIDE][SIDE];

static void copy_rows(char *to, long to_step, const char *from, long from_step) {
    for (int i = 0; i < SIDE; i++) memcpy(to + i * to_step, from + i * from_step, 64);
}
static float part_of(uint32_t word, int upper) {
    uint32_t bits = upper ? word & 0xffff0000u : word << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
static void multiply_tiles(int sum, int left, int right) {
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            float value;
            memcpy(&value, &imitated[sum][i][j], sizeof value);
            for (int k = 0; k < SIDE; k++)
                for (int half = 0; half < 2; half++) value += part_of(imitated[left][i][k], half) * part_of(imitated[right][k][j], half);
            memcpy(&imitated[sum][i][j], &value, sizeof value);
        }
}

#define LOAD(tile, from, step) copy_rows((char *)imitated[tile], 64, (const char *)(from), step)
#define STORE(tile, to, step) copy_rows((char *)(to), step, (const char *)imitated[tile], 64)
#define ZERO(tile) memset(imitated[tile], 0, sizeof imitated[tile])
#define MULTIPLY(sum, left, right) multiply_tiles(sum, left, right)
long tiles_granted(void) { return 1; }
static void begin_tiles(void) {}
static void end_tiles(void) {}
#endif
