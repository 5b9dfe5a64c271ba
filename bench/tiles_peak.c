/* How fast a core multiplies tiles, with nothing else to do: the roofline of what is written for them. */
#include "tiles.h"

/* Products of the tiles at `values` (4 * TILE of bfloat16), four at a time. Of zeros a processor does more in a second than of numbers. */
void tiles_peak(const uint16_t *values, long many) {
    begin_tiles();
    ZERO(0);
    ZERO(1);
    ZERO(2);
    ZERO(3);
    LOAD(4, values, 64);
    LOAD(5, values + TILE, 64);
    LOAD(6, values + 2 * TILE, 64);
    LOAD(7, values + 3 * TILE, 64);
    for (long i = 0; i < many; i += 4) {
        MULTIPLY(0, 4, 6);
        MULTIPLY(1, 4, 7);
        MULTIPLY(2, 5, 6);
        MULTIPLY(3, 5, 7);
    }
    end_tiles();
}
