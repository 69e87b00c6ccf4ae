// Farthest-first traversal: the plain loop among a pool, and bringing all rows up to date.
#include "common.cuh"
#include "tiles.cuh"

// The plain loop among the m rows of a pool, by one block, until a row outside could win.
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

// Squared distance of two rows by their difference, where products have lost too many digits.
__device__ inline double direct(const real* x, const real* p, int d) {
    double sum = 0;
    for (int c = 0; c < d; ++c) {
        double apart = (double)x[c] - (double)p[c];
        sum += apart * apart;
    }
    return sum;
}

// What rounding makes of a distance that is not doubtful, or was taken from its difference.
__device__ inline double width_of(double value, double square, double rounding, double doubt) {
    return rounding * (doubt > 0 ? value + fmin(square, value / doubt) : 1.0);
}

// gap[row] = min(gap[row], distance to the nearest of the new picks), and which pick that is;
// `unsure` where another may be as near.
//
// A block has TILE_ROWS rows and goes through the picks tile by tile; distances never leave the
// registers. Euclidean distances are squared, |x|^2 + |p|^2 - 2 x.p; where that is below `doubt`
// times the squares, and the pick may be nearer than those before, they are taken from the
// differences of the rows as they are: `source`, those at `positions` if only `some` are in play.
// With doubt = 0 they are cosine distances, and the factors stand in for the squares:
// 1 - x.p f_x f_p.
extern "C" __global__ TILE_KERNEL void update(const real* X, const real* square,
                                              const real* source, const i64* positions, int some,
                                              int n, int d, const i64* picks, int n_picks,
                                              int label, double rounding, double doubt,
                                              double* gap, i64* nearest, bool* unsure) {
    __shared__ Tile tile;
    int tx = threadIdx.x % SIDE, first_row = blockIdx.x * TILE_ROWS;
    bool cosine = !(doubt > 0);
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
                if (!cosine && pick >= 0 && before > 0 && apart < doubt * (own + other)) {
                    double error = rounding * ((double)own + other);
                    double most = before + 4 * width_of(before, own, rounding, doubt);
                    value[j] = INFINITY;
                    if (!(apart - error > most)) value[j] = direct(as_it_is(row), as_it_is(pick), d);
                }
                least = fmin(least, value[j]);
            }
            // The 16 threads of a row are one half of a warp.
            for (int step = SIDE / 2; step > 0; step /= 2)
                least = fmin(least, __shfl_xor_sync(EVERY_LANE, least, step));
            if (!(least < INFINITY)) least = 1e300;  // nothing of this tile matters
            double most = least + 2 * width_of(least, own, rounding, doubt);
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
            double width = width_of(best[i] < INFINITY ? best[i] : 0, own, rounding, doubt);
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
        if (row < 0 || which[i] < 0 || !(gap[row] > 0)) continue;
        double value = best[i], before = gap[row];
        double width = 2 * width_of(value, square[row], rounding, doubt);
        if (value + width < before) {
            nearest[row] = label + which[i];
            unsure[row] = rivals[i];
        } else if (value - width <= before) {
            unsure[row] = true;
        }
        gap[row] = fmin(value, before);
    }
}
