// Herding: two launches for a pick. The first reads the table once, the second a few rows.
#include "common.cuh"
#include "rows.cuh"

// gain[row] = minus the squared distance of a row, less `middle`, from `target`, and the best of
// each stretch of rows. All by differences in double: reading the table is what takes the time.
extern "C" __global__ void gains(const real* X, const i64* rows, int some, const double* middle,
                                 int n, int d, int lanes, const double* target,
                                 const double* cost, double* gain, Best* best) {
    Table features = table(X, rows, some, nullptr, 0, d);
    int start, stop;
    stretch(n, blockIdx.x, gridDim.x, &start, &stop);
    Best mine = {NO_VALUE, 0x7fffffff};
    each_rows(start, stop, lanes, [&](const int(&row)[AT_ONCE], const int(&at)[AT_ONCE]) {
        double sum[AT_ONCE];
        row_distances(features, at, middle, target, lanes, sum);
        for (int r = 0; r < AT_ONCE; ++r) {
            if (row[r] >= stop) continue;
            Best other = {cost[row[r]] < INFINITY ? -sum[r] : -INFINITY, row[r]};
            if (better(other, mine)) mine = other;
            if (threadIdx.x % lanes == 0) gain[row[r]] = other.value;
        }
    });
    mine = block_best(mine);
    if (threadIdx.x == 0) best[blockIdx.x] = mine;
}

// `more` is the squared distance of row x to `target` minus that of row `first`; `width` is the sum
// of absolute terms, with `scale` for the rounding of the target. Columns in which the two rows are
// equal contribute 0 to both, for any target.
__device__ inline void farther(const real* x, const real* first, int d, const double* middle,
                               const double* target, const double* scale, double* more,
                               double* width) {
    *more = *width = 0;
    for (int c = 0; c < d; ++c) {
        double row = (double)x[c] - middle[c], other = (double)first[c] - middle[c];
        double apart = other - target[c], sum = row - target[c] + apart, step = row - other;
        *more += step * sum;
        *width += fabs(step) * (fabs(sum) + 2 * fabs(apart) + scale[c]);
    }
}

// The nearest row, the lowest of those that are equal up to rounding, by all threads of one block.
//
// Columns of large numbers dominate the rounding of distances, so rows that tie with the smallest
// distance are compared by differences with one of them. Norms bound the ties; `best` has the best
// gain of each stretch of rows.
__device__ inline int nearest_row(const Table& features, int n, double rounding, double tie,
                                  const double* middle, const double* target, const double* scale,
                                  const double* gain, const Best* best, int n_blocks) {
    double square = 0;
    for (int c = threadIdx.x; c < features.d; c += blockDim.x) square += scale[c] * scale[c];
    double size = sqrt(block_sum(square));
    Best top = {NO_VALUE, 0x7fffffff};
    for (int block = threadIdx.x; block < n_blocks; block += blockDim.x)
        if (better(best[block], top)) top = best[block];
    top = block_best(top);
    if (top.at >= n) return 0;  // where no gain is a number
    double least = -top.value;
    auto within = [=](double gain) {
        if (!(gain > -INFINITY)) return false;
        double both = sqrt(-gain) + sqrt(least);
        return -gain <= least + 4 * rounding * least + 4 * tie * both * (2 * both + size);
    };
    const real* first = features.row(top.at);
    Best nearest = {NO_VALUE, 0x7fffffff};
    double width_of_nearest = 0;
    for (int block = 0; block < n_blocks; ++block) {
        if (!within(best[block].value)) continue;
        int start, stop;
        stretch(n, block, n_blocks, &start, &stop);
        for (int row = start + threadIdx.x; row < stop; row += blockDim.x) {
            if (!within(gain[row])) continue;
            double more, width;
            farther(features.row(row), first, features.d, middle, target, scale, &more, &width);
            Best other = {-more, row};
            if (better(other, nearest)) nearest = other;
        }
    }
    nearest = block_best(nearest);
    double more;
    farther(features.row(nearest.at), first, features.d, middle, target, scale, &more,
            &width_of_nearest);
    for (int block = 0; block < n_blocks; ++block) {
        if (!within(best[block].value)) continue;
        int start, stop, mine = 0x7fffffff;
        stretch(n, block, n_blocks, &start, &stop);
        for (int row = start + threadIdx.x; row < min(stop, mine); row += blockDim.x) {
            if (!within(gain[row])) continue;
            double width;
            farther(features.row(row), first, features.d, middle, target, scale, &more, &width);
            if (more + nearest.value <= tie * (width + width_of_nearest)) mine = row;
        }
        mine = block_lowest(mine);
        if (mine != 0x7fffffff) return mine;
    }
    return nearest.at;
}

// Select the nearest row and compute the next target. By one block.
extern "C" __global__ void pick(const real* X, const i64* rows, int some, const double* middle,
                                int n, int d, int step, double rounding, double tie,
                                const double* mean, const double* size, const double* gain,
                                const Best* best,
                                int n_blocks, double* cost, double* total, double* target,
                                double* scale, i64* picks) {
    Table features = table(X, rows, some, nullptr, 0, d);
    int row = nearest_row(features, n, rounding, tie, middle, target, scale, gain, best, n_blocks);
    __syncthreads();  // all have read `target` and `scale`
    if (threadIdx.x == 0) {
        picks[step] = row;
        cost[row] = INFINITY;
    }
    const real* x = features.row(row);
    for (int c = threadIdx.x; c < d; c += blockDim.x) {
        total[c] += (double)x[c] - middle[c];
        target[c] = (step + 2) * mean[c] - total[c];
        scale[c] = (step + 2) * size[c] + fabs(total[c]);
    }
}
