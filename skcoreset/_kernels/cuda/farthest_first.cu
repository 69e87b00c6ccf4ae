// Farthest-first traversal: the naive loop on a pool, and the update of all rows.
#include "common.cuh"
#include "tiles.cuh"

// The naive loop on the m rows of a pool, by one block, while no other row can be farther.
//
// reach[i] is the distance of pool row i to its nearest pick, among[i][j] that of two rows of the
// pool; values that are closer than factor * value + term are equal. A pick is certain if it is
// above all that lies outside: above `highest`, or at least `lower` and before position `rival`.
extern "C" __global__ void pool_loop(const double* among, const double* start, const i64* pool,
                                     int m, int wanted, double factor, double term, double lower,
                                     double highest, int rival, i64* picks, double* farthest,
                                     int* count) {
    DYNAMIC_SHARED(double, reach);  // each thread reads and writes its own entries only
    for (int i = threadIdx.x; i < m; i += blockDim.x) reach[i] = start[i];
    int n_picks = 0;
    while (n_picks < wanted) {
        Best mine = {NO_VALUE, 0x7fffffff};
        for (int i = threadIdx.x; i < m; i += blockDim.x) {
            Best other = {reach[i], i};
            if (better(other, mine)) mine = other;
        }
        Best top = block_best(mine);
        if (top.at == 0x7fffffff) break;  // all are picked
        double least = top.value - 2 * (factor * top.value + term);
        int lowest = 0x7fffffff;
        for (int i = threadIdx.x; i < m; i += blockDim.x)
            if (reach[i] >= least) lowest = min(lowest, i);
        lowest = block_lowest(lowest);
        i64 row = pool[lowest];
        if (!(least > highest || (least >= lower && row < rival))) break;
        if (threadIdx.x == 0) {
            picks[n_picks] = row;
            farthest[n_picks] = top.value;
        }
        n_picks += 1;
        for (int i = threadIdx.x; i < m; i += blockDim.x)
            reach[i] = i == lowest ? -INFINITY : fmin(reach[i], among[(i64)lowest * m + i]);
    }
    if (threadIdx.x == 0) *count = n_picks;
}

// Squared distance of two rows from their difference.
__device__ inline double exact_pair(const real* x, const real* p, int d) {
    double sum = 0;
    for (int c = 0; c < d; ++c) {
        double apart = (double)x[c] - (double)p[c];
        sum += apart * apart;
    }
    return sum;
}

// Largest error of a value that is not inexact, or was computed from the difference.
__device__ inline double error_bound(double value, double square, double rounding,
                                     double inexact_ratio) {
    return rounding * (inexact_ratio > 0 ? value + fmin(square, value / inexact_ratio) : 1.0);
}

// gap[row] = min(gap[row], distance to the nearest of the new picks), and the nearest pick;
// `unsure` if another pick may be as near.
//
// A block has TILE_ROWS rows and goes through the picks tile by tile; distances never leave the
// registers. Euclidean distances are squared, |x|^2 + |p|^2 - 2 x.p. If a value is inexact, below
// `inexact_ratio` times the squared norms, and the pick may be nearer than those before, it is
// computed from the difference of the unshifted rows `source`; `positions` are those of the rows
// if only `some` are used. With inexact_ratio = 0 they are cosine distances, and `square` has the
// factors that scale rows to length 1:
// 1 - x.p f_x f_p.
extern "C" __global__ TILE_KERNEL void update(const real* X, const real* square,
                                              const real* source, const i64* positions, int some,
                                              int n, int d, const i64* picks, int n_picks,
                                              int label, double rounding, double inexact_ratio,
                                              double* gap, i64* nearest, bool* unsure) {
    __shared__ Tile tile;
    int tx = threadIdx.x % SIDE, first_row = blockIdx.x * TILE_ROWS;
    bool cosine = !(inexact_ratio > 0);
    double least_gap = cosine ? -INFINITY : 0;  // a cosine distance of 0 may be rounding
    auto row_of = [=](int r) { return first_row + r < n ? first_row + r : -1; };
    auto as_it_is = [=](int row) { return source + (some ? positions[row] : (i64)row) * d; };
    double best[ROWS_EACH], best_of_which[ROWS_EACH];
    int which[ROWS_EACH];
    bool rivals[ROWS_EACH];
    for (int i = 0; i < ROWS_EACH; ++i)
        best[i] = best_of_which[i] = INFINITY, which[i] = -1, rivals[i] = false;
    for (int from = 0; from < n_picks; from += TILE_PICKS) {
        auto pick_of = [=](int p) { return from + p < n_picks ? (int)picks[from + p] : -1; };
        real dot[ROWS_EACH][PICKS_EACH];
        tile_products(X, row_of, X, pick_of, d, tile, dot);
        for (int i = 0; i < ROWS_EACH; ++i) {
            int row = row_of(tile_row(i));
            real own = row >= 0 ? square[row] : (real)0;
            double before = row >= 0 ? gap[row] : -INFINITY;
            double value[PICKS_EACH], least = INFINITY;
            for (int j = 0; j < PICKS_EACH; ++j) {
                int pick = pick_of(tile_pick(tx, j));
                real other = pick >= 0 ? square[pick] : (real)0;
                real apart = cosine ? 1 - dot[i][j] * own * other : own + other - 2 * dot[i][j];
                value[j] = pick >= 0 ? (double)apart : INFINITY;
                if (!cosine && pick >= 0 && before > 0 && apart < inexact_ratio * (own + other)) {
                    double error = rounding * ((double)own + other);
                    double most = before + 4 * error_bound(before, own, rounding, inexact_ratio);
                    value[j] = INFINITY;
                    if (!(apart - error > most))
                        value[j] = exact_pair(as_it_is(row), as_it_is(pick), d);
                }
                least = fmin(least, value[j]);
            }
            // The 16 threads of a row are one half of a warp.
            for (int step = SIDE / 2; step > 0; step /= 2)
                least = fmin(least, __shfl_xor_sync(EVERY_LANE, least, step));
            if (!(least < INFINITY)) least = 1e300;  // nothing of this tile matters
            double most = least + 2 * error_bound(least, own, rounding, inexact_ratio);
            Best earliest = {INFINITY, 0x7fffffff};
            int n_tied = 0;
            for (int j = PICKS_EACH - 1; j >= 0; --j)
                if (value[j] <= most) earliest = {value[j], from + tile_pick(tx, j)}, ++n_tied;
            for (int step = SIDE / 2; step > 0; step /= 2) {
                Best other;
                other.value = __shfl_xor_sync(EVERY_LANE, earliest.value, step);
                other.at = __shfl_xor_sync(EVERY_LANE, earliest.at, step);
                n_tied += __shfl_xor_sync(EVERY_LANE, n_tied, step);
                if (other.at < earliest.at) earliest = other;
            }
            if (n_tied == 0) continue;
            bool above = best[i] > most;  // what came before is farther for sure
            double known = best[i] < INFINITY ? best[i] : 0;
            double width = error_bound(known, own, rounding, inexact_ratio);
            if (!above && least > best[i] + 2 * width) continue;
            rivals[i] = above ? n_tied > 1 : true;
            best[i] = fmin(best[i], least);
            if (which[i] < 0 || best_of_which[i] > most) {
                which[i] = earliest.at;
                best_of_which[i] = earliest.value;
            }
        }
    }
    if (tx > 0) return;  // all of the row's threads know the same
    for (int i = 0; i < ROWS_EACH; ++i) {
        int row = row_of(tile_row(i));
        if (row < 0 || which[i] < 0 || !(gap[row] > least_gap)) continue;
        double value = best[i], before = gap[row];
        double width = 2 * error_bound(value, square[row], rounding, inexact_ratio);
        if (value + width < before) {
            nearest[row] = label + which[i];
            unsure[row] = rivals[i];
        } else if (value - width <= before) {
            unsure[row] = true;
        }
        gap[row] = fmin(value, before);
    }
}
