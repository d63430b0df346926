/* SPDX-License-Identifier: MIT */
/* Restricted Damerau-Levenshtein distance over three rolling rows. */
#include "cli/suggest.h"

#include "base/util.h"

#include <limits.h>
#include <string.h>

enum { LETTERS_MAX = 32 };

unsigned suggest_distance(const char *one, const char *two)
{
    unsigned rows[3][LETTERS_MAX + 1];
    size_t n = strnlen(one, LETTERS_MAX), m = strnlen(two, LETTERS_MAX);
    for (unsigned j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *swap = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned change = above[j - 1] + (one[i - 1] != two[j - 1]);
            row[j] = MIN(above[j] + 1, row[j - 1] + 1);
            row[j] = MIN(row[j], change);
            if (i > 1 && j > 1 && one[i - 1] == two[j - 2] && one[i - 2] == two[j - 1])
                row[j] = MIN(row[j], swap[j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}

bool suggest_near(unsigned distance, const char *typed)
{
    return distance <= 1 + strlen(typed) / 4;
}

const struct option *suggest_option(unsigned roles, unsigned places, const char *typed)
{
    const struct option *best = NULL;
    unsigned best_distance = UINT_MAX;
    for (size_t i = 0; i < option_table_length; i++) {
        const struct option *option = &option_table[i];
        if (!(option->roles & roles) || (places && !(option->places & places)))
            continue;
        unsigned distance = suggest_distance(typed, option->name);
        /* The beginning of a name counts as near: abbreviations are not taken. */
        if (strlen(typed) >= 2 && strncmp(option->name, typed, strlen(typed)) == 0)
            distance = MIN(distance, 1U);
        if (distance < best_distance) {
            best = option;
            best_distance = distance;
        }
    }
    return best && suggest_near(best_distance, typed) ? best : NULL;
}
