// Herding: two launches a pick. The table is read once by the first, one row of it by the second.
#include "common.cuh"
#include "rows.cuh"

// gain[row] = row . direction - cost[row], and the best of each stretch of rows.
extern "C" __global__ void gains(const real* X, const i64* rows, int some, const real* offset,
                                 int shifted, int n, int d, int lanes, const double* direction,
                                 const double* cost, double* gain, Best* best) {
    Table features = table(X, rows, some, offset, shifted, d);
    int start, stop;
    stretch(n, blockIdx.x, gridDim.x, &start, &stop);
    Best mine = {NO_VALUE, 0x7fffffff};
    each_rows(start, stop, lanes, [&](const int(&row)[AT_ONCE], const int(&at)[AT_ONCE]) {
        double sum[AT_ONCE];
        row_products(features, at, direction, lanes, sum);
        for (int r = 0; r < AT_ONCE; ++r) {
            if (row[r] >= stop) continue;
            Best other = {sum[r] - cost[row[r]], row[r]};
            if (better(other, mine)) mine = other;
            if (threadIdx.x % lanes == 0) gain[row[r]] = other.value;
        }
    });
    mine = block_best(mine);
    if (threadIdx.x == 0) best[blockIdx.x] = mine;
}

// Pick the lowest row whose gain is the largest up to rounding, and turn to where the mean of the
// picks is to go next. By one block.
extern "C" __global__ void pick(const real* X, const i64* rows, int some, const real* offset,
                                int shifted, int n, int d, int step, double rounding,
                                const double* diagonal, const double* mean, const double* gain,
                                const Best* best, int n_blocks, double* cost, double* total,
                                double* direction, i64* picks) {
    double square = 0;
    for (int c = threadIdx.x; c < d; c += blockDim.x) square += direction[c] * direction[c];
    square = block_sum(square);
    Best top = {NO_VALUE, 0x7fffffff};
    for (int block = threadIdx.x; block < n_blocks; block += blockDim.x)
        if (better(best[block], top)) top = best[block];
    top = block_best(top);
    int row = 0;  // where no gain is a number, as NumPy has it
    if (top.at < n) {
        double own = diagonal[top.at];
        double least = top.value - rounding * (sqrt(square * own) + own);
        row = lowest_of_ties(gain, n, best, n_blocks, least);
    }
    if (threadIdx.x == 0) {
        picks[step] = row;
        cost[row] = INFINITY;
    }
    Table features = table(X, rows, some, offset, shifted, d);
    const real* x = features.row(row);
    for (int c = threadIdx.x; c < d; c += blockDim.x) {
        total[c] += (double)(x[c] - features.shift(c));
        direction[c] = 2 * ((step + 2) * mean[c] - total[c]);
    }
}
