// Farthest-first traversal: the plain loop among a pool, and bringing all rows up to date.
#include "common.cuh"
#include "tiles.cuh"

// The plain loop among the m rows of a pool, by one block, until a row outside could win.
//
// upper[i] is what the distance of pool row i to its nearest pick is at most, among[i][j] the same
// for two rows of the pool. A pick is certain if its distance, less rounding, is above all that
// lies outside: above `highest`, or at least `lower` and before position `rival`.
extern "C" __global__ void pool_loop(const double* among, const double* start, const double* slack,
                                     const i64* pool, int m, int wanted, double lower,
                                     double highest, int rival, i64* picks, double* farthest,
                                     int* count) {
    DYNAMIC_SHARED(double, upper);  // each thread reads and writes its own entries only
    for (int i = threadIdx.x; i < m; i += blockDim.x) upper[i] = start[i];
    int n_picks = 0;
    while (n_picks < wanted) {
        Best mine = {NO_VALUE, 0x7fffffff};
        for (int i = threadIdx.x; i < m; i += blockDim.x) {
            Best other = {upper[i], i};
            if (better(other, mine)) mine = other;
        }
        Best top = block_best(mine);
        if (top.at == 0x7fffffff) break;  // all are picked
        double least = top.value - 2 * slack[top.at];
        int lowest = 0x7fffffff;
        for (int i = threadIdx.x; i < m; i += blockDim.x)
            if (upper[i] >= least) lowest = min(lowest, i);
        lowest = block_lowest(lowest);
        i64 row = pool[lowest];
        if (!(least > highest || (least >= lower && row < rival))) break;
        if (threadIdx.x == 0) {
            picks[n_picks] = row;
            farthest[n_picks] = top.value - slack[top.at];
        }
        n_picks += 1;
        for (int i = threadIdx.x; i < m; i += blockDim.x)
            upper[i] = i == lowest ? -INFINITY : fmin(upper[i], among[(i64)lowest * m + i]);
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

// gap[row] = min(gap[row], distance to the nearest of the new picks), and which pick that is.
//
// A block has TILE_ROWS rows and goes through the picks tile by tile; distances never leave the
// registers. Euclidean distances are squared, |x|^2 + |p|^2 - 2 x.p; with `cosine` the factors
// stand in for the squares: 1 - x.p f_x f_p.
extern "C" __global__ TILE_KERNEL void update(const real* X, const real* square, int cosine,
                                              int n, int d, const i64* picks, int n_picks,
                                              int label, double rounding, double doubt, real* gap,
                                              i64* nearest) {
    __shared__ Tile tile;
    int tx = threadIdx.x % SIDE, first_row = blockIdx.x * TILE_ROWS;
    auto row_of = [=](int r) { return first_row + r < n ? first_row + r : -1; };
    real best[ROWS_EACH], best_of_which[ROWS_EACH];
    int which[ROWS_EACH];
    for (int i = 0; i < ROWS_EACH; ++i) best[i] = (real)INFINITY, which[i] = -1;
    for (int from = 0; from < n_picks; from += TILE_PICKS) {
        auto pick_of = [=](int p) { return from + p < n_picks ? (int)picks[from + p] : -1; };
        real dot[ROWS_EACH][PICKS_EACH];
        tile_products(X, row_of, X, pick_of, d, tile, dot);
        for (int i = 0; i < ROWS_EACH; ++i) {
            int row = row_of(tile_row(i));
            real own = row >= 0 ? square[row] : (real)0;
            double value[PICKS_EACH], least = INFINITY;
            for (int j = 0; j < PICKS_EACH; ++j) {
                int pick = pick_of(tile_pick(tx, j));
                real other = pick >= 0 ? square[pick] : (real)0;
                real apart = cosine ? 1 - dot[i][j] * own * other : own + other - 2 * dot[i][j];
                value[j] = pick >= 0 ? (double)apart : INFINITY;
                least = fmin(least, value[j]);
            }
            // The 16 threads of a row are one half of a warp.
            for (int step = SIDE / 2; step > 0; step /= 2)
                least = fmin(least, __shfl_xor_sync(EVERY_LANE, least, step));
            double slack = rounding * (cosine ? 1.0 : own + least);
            Best earliest = {INFINITY, 0x7fffffff};
            for (int j = PICKS_EACH - 1; j >= 0; --j)
                if (value[j] <= least + slack) earliest = {value[j], from + tile_pick(tx, j)};
            for (int step = SIDE / 2; step > 0; step /= 2) {
                Best other;
                other.value = __shfl_xor_sync(EVERY_LANE, earliest.value, step);
                other.at = __shfl_xor_sync(EVERY_LANE, earliest.at, step);
                if (other.at < earliest.at) earliest = other;
            }
            if (least < best[i]) {
                best[i] = (real)least;
                if (which[i] < 0 || best_of_which[i] > least + slack) {
                    which[i] = earliest.at;
                    best_of_which[i] = (real)earliest.value;
                }
            }
        }
    }
    if (tx > 0) return;  // all of the row's threads know the same
    for (int i = 0; i < ROWS_EACH; ++i) {
        int row = row_of(tile_row(i));
        if (row < 0 || !(best[i] < gap[row])) continue;
        int pick = (int)picks[which[i]];
        double value = best[i], before = gap[row];
        if (!cosine && value < doubt * ((double)square[row] + (double)square[pick]))
            value = (real)direct(X + (i64)row * d, X + (i64)pick * d, d);
        double slack = rounding * (cosine ? 1.0 : square[row] + value);
        gap[row] = (real)fmin(value, before);
        if (value + slack < before) nearest[row] = label + which[i];
    }
}
