// Herding: two launches a pick. The table is read once by the first, a few rows of it by the second.
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

// The lowest row whose gain is the largest up to rounding, by all threads of one block.
//
// What `target` was added up from was rounded, by the size `scale` of it in each column. That moves
// the distances of two rows apart by no more than their difference in the column makes of it; the
// products of the norms bound that, and only rows within the bound are looked at.
__device__ inline int nearest_row(const Table& features, int n, double rounding,
                                  const double* scale, const double* gain, const Best* best,
                                  int n_blocks) {
    double square = 0;
    for (int c = threadIdx.x; c < features.d; c += blockDim.x) square += scale[c] * scale[c];
    double size = sqrt(block_sum(square));
    Best top = {NO_VALUE, 0x7fffffff};
    for (int block = threadIdx.x; block < n_blocks; block += blockDim.x)
        if (better(best[block], top)) top = best[block];
    top = block_best(top);
    if (top.at >= n) return 0;  // where no gain is a number, as NumPy has it
    double least = -top.value;
    auto within = [=](double gain) {
        double most = rounding * (2 * least + 2 * (sqrt(-gain) + sqrt(least)) * size);
        return gain > -INFINITY && -gain <= least + most;
    };
    const real* far = features.row(top.at);
    for (int from = 0; from < n_blocks;) {
        int mine = 0x7fffffff, start, stop;
        for (int block = from + threadIdx.x; block < n_blocks; block += blockDim.x)
            if (within(best[block].value)) mine = min(mine, block);
        int first = block_lowest(mine);
        if (first == 0x7fffffff) break;
        stretch(n, first, n_blocks, &start, &stop);
        mine = 0x7fffffff;
        for (int row = start + threadIdx.x; row < min(stop, mine); row += blockDim.x) {
            if (!within(gain[row])) continue;
            const real* x = features.row(row);
            double width = 0;
            for (int c = 0; c < features.d; ++c)
                width += fabs((double)x[c] - (double)far[c]) * scale[c];
            if (-gain[row] <= least + rounding * (least + width)) mine = row;
        }
        int row = block_lowest(mine);
        if (row != 0x7fffffff) return row;
        from = first + 1;
    }
    return top.at;
}

// Pick the nearest row, and turn to where the mean of the picks is to go next. By one block.
extern "C" __global__ void pick(const real* X, const i64* rows, int some, const double* middle,
                                int n, int d, int step, double rounding, const double* mean,
                                const double* size, const double* gain, const Best* best,
                                int n_blocks, double* cost, double* total, double* target,
                                double* scale, i64* picks) {
    Table features = table(X, rows, some, nullptr, 0, d);
    int row = nearest_row(features, n, rounding, scale, gain, best, n_blocks);
    __syncthreads();  // all have read `scale`
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
