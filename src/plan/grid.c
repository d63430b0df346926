/* SPDX-License-Identifier: MIT */
#include "plan/grid.h"

#include "base/util.h"

#define PIECE_MIN    (1 * MIB)
#define PIECE_MAX    (16 * MIB)
#define PIECES_ABOUT 1000

struct grid grid_of(uint64_t size)
{
    uint64_t piece = PIECE_MIN;
    while (piece < PIECE_MAX && piece < size / PIECES_ABOUT)
        piece *= 2;
    return (struct grid){
        .size = size,
        .piece = piece,
        .count = size / piece + (size % piece != 0),
    };
}

uint64_t grid_index(const struct grid *grid, uint64_t offset)
{
    return offset / grid->piece;
}

struct range grid_range(const struct grid *grid, uint64_t index)
{
    uint64_t begin = index * grid->piece;
    uint64_t length = MIN(grid->piece, grid->size - begin);
    return (struct range){ begin, begin + length };
}
