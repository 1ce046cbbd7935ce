#pragma once

#include <cstdio>
#include <cstdlib>

/// Aborts with a text when an invariant of our own is broken. Never for input from outside.
#define N4B_CHECK(condition, text)                                                           \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, text); \
            std::abort();                                                                    \
        }                                                                                    \
    } while (false)
