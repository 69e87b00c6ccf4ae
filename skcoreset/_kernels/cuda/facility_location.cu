// Greedy selection on similarities: the choice of a pick, the rows that are most similar to it, the
// update of all gains; and the gains of candidates from blocks of similarities on demand.
#include "common.cuh"

#define THREADS 256
#define COLUMNS_EACH 4
#define TILE_COLUMNS (THREADS * COLUMNS_EACH)
#define ROWS_EACH 8
#define STAGED 64
#define PART_ROWS 16  // in parts of fewer rows, writing sums would take longer than reading rows
#define NONE 0x7fffffff

// The best gain, and the lowest of the candidates that tie with it. All threads take part.
__device__ inline Best chosen(const double* gains, int n, const Best* best, int n_best,
                              double relative, double absolute) {
    Best mine = {NO_VALUE, NONE};
    for (int block = threadIdx.x; block < n_best; block += blockDim.x)
        if (better(best[block], mine)) mine = best[block];
    Best top = block_best(mine);
    double least = top.value - relative * fabs(top.value) - absolute;
    top.at = lowest_of_ties(gains, n, best, n_best, least);
    return top;
}

// The pick of this step: given, or chosen. NONE if gains are not finite.
__device__ inline Best pick_of_step(int step, int n_start, const i64* picks, const double* gains,
                                    int n, const Best* best, int n_best, double relative,
                                    double absolute) {
    if (step >= n_start) return chosen(gains, n, best, n_best, relative, absolute);
    Best given = {gains[picks[step]], (int)picks[step]};
    return given;
}

// Sum of `mine` over all lower threads of the block; `total` over all of them.
__device__ inline int block_prefix(int mine, int* total) {
    __shared__ int of_warp[WARP];
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, n_warps = blockDim.x / WARP;
    int upto = mine;
    for (int step = 1; step < WARP; step *= 2) {
        int lower = __shfl_up_sync(EVERY_LANE, upto, step);
        if (lane >= step) upto += lower;
    }
    __syncthreads();  // whoever still reads of_warp from an earlier call
    if (lane == WARP - 1) of_warp[warp] = upto;
    __syncthreads();
    int before = 0, all = 0;
    for (int other = 0; other < n_warps; ++other) {
        if (other < warp) before += of_warp[other];
        all += of_warp[other];
    }
    *total = all;
    return before + upto - mine;
}

// Facility location, first launch of a step: every block chooses the same pick and then updates a
// stretch of rows. The rows that are more similar to this pick than to all before are listed in
// ascending order at the start of the stretch: `rows`, and their largest similarity `low` before
// and `high` after this pick. losses[block] is minus the weighted similarities of the stretch.
extern "C" __global__ void assign(const real* matrix, int n, int step, int n_start,
                                 const double* gains, const Best* best, int n_best,
                                 double relative, const double* absolute, const real* weight,
                                 i64* picks, double* values, real* max_similarity, i64* nearest,
                                 int* rows, real* low, real* high, int* counts, double* losses) {
    Best pick = pick_of_step(step, n_start, picks, gains, n, best, n_best, relative, *absolute);
    if (pick.at == NONE) return;
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        values[step] = gains[pick.at];  // its own: of a tie, not the largest
        if (step >= n_start) picks[step] = pick.at;
    }
    const real* similar = matrix + (i64)pick.at * n;
    int start, stop, count = 0;
    stretch(n, blockIdx.x, gridDim.x, &start, &stop);
    double loss = 0;
    for (int from = start; from < stop; from += blockDim.x) {
        int row = from + threadIdx.x;
        bool known = row < stop;
        real before = known ? max_similarity[row] : (real)0, now = known ? similar[row] : (real)0;
        bool more = known && now > before;
        int n_more, at = start + count + block_prefix(more, &n_more);
        count += n_more;
        if (known) loss -= (double)weight[row] * (double)(more ? now : before);
        if (!more) continue;
        rows[at] = row, low[at] = before, high[at] = now;
        max_similarity[row] = now;
        // False for the first pick, as nothing is -infinity: its label 0 is there already.
        if (now > before + relative * fabs((double)before)) nearest[row] = step;
    }
    loss = block_sum(loss);
    if (threadIdx.x == 0) counts[blockIdx.x] = count, losses[blockIdx.x] = loss;
}

// Into how many parts a sum over so many rows is cut.
__device__ inline int parts_of(int n_rows, int most_parts) {
    return min(most_parts, (n_rows + PART_ROWS - 1) / PART_ROWS);
}

struct Change {
    int row;
    double low, high, weight;
};

// For each column j, sum_i w_i (min(s_ij, high_i) - low_i)_+ over n_rows rows i of a block of
// similarities, in parts: partial[part][j]. A block of threads has a tile of columns and a part of
// the rows; change_of(position) tells a row, and what changes there.
template <class ChangeOf>
__device__ inline void column_sums(const real* similar, int n, int n_rows, ChangeOf change_of,
                                   int most_parts, double* partial) {
    __shared__ Change staged[STAGED];
    int n_tiles = (n + TILE_COLUMNS - 1) / TILE_COLUMNS, n_parts = parts_of(n_rows, most_parts);
    int part = blockIdx.x / n_tiles;
    int first = blockIdx.x % n_tiles * TILE_COLUMNS + threadIdx.x;
    if (part >= n_parts) return;
    int start, stop;
    stretch(n_rows, part, n_parts, &start, &stop);
    double sum[COLUMNS_EACH];
    for (int j = 0; j < COLUMNS_EACH; ++j) sum[j] = 0;
    for (int from = start; from < stop; from += STAGED) {
        int n_staged = min(STAGED, stop - from);
        __syncthreads();  // whoever still reads the last stage
        if (threadIdx.x < n_staged) staged[threadIdx.x] = change_of(from + (int)threadIdx.x);
        __syncthreads();
#pragma unroll 4
        for (int i = 0; i < n_staged; ++i) {
            Change change = staged[i];
            const real* row = similar + (i64)change.row * n;
#pragma unroll
            for (int j = 0; j < COLUMNS_EACH; ++j) {
                int column = first + j * THREADS;
                double value = column < n ? (double)row[column] : change.low;
                sum[j] += change.weight * fmax(fmin(value, change.high) - change.low, 0.0);
            }
        }
    }
    for (int j = 0; j < COLUMNS_EACH; ++j) {
        int column = first + j * THREADS;
        if (column < n) partial[(i64)part * n + column] = sum[j];
    }
}

// Decrease of the gains of all candidates by the rows that `assign` has listed.
extern "C" __global__ void lose(const real* matrix, int n, const int* rows, const real* low,
                                const real* high, const int* counts, int n_stretches,
                                const real* weight, int most_parts, double* partial) {
    __shared__ int starts[THREADS];  // of each stretch, in the list of all changes
    int n_rows, own = (int)threadIdx.x < n_stretches ? counts[threadIdx.x] : 0;
    starts[threadIdx.x] = block_prefix(own, &n_rows);  // read behind a barrier of column_sums
    auto change_of = [=](int position) {
        int of = 0;  // the last stretch that starts at or before the position
        for (int step = THREADS / 2; step > 0; step /= 2)
            if (of + step < n_stretches && starts[of + step] <= position) of += step;
        int start, stop;
        stretch(n, of, n_stretches, &start, &stop);
        int at = start + position - starts[of];
        Change change = {rows[at], (double)low[at], (double)high[at], (double)weight[rows[at]]};
        return change;
    };
    column_sums(matrix, n, n_rows, change_of, most_parts, partial);
}

// Gains of candidates, the columns of (n_rows, n) similarities.
extern "C" __global__ void column_gains(const real* similar, int n_rows, int n,
                                        const real* max_similarity, const real* weight,
                                        int most_parts, double* partial) {
    auto change_of = [=](int row) {
        Change change = {row, (double)max_similarity[row], INFINITY, (double)weight[row]};
        return change;
    };
    column_sums(similar, n, n_rows, change_of, most_parts, partial);
}

// Gains of candidates, the rows of (m, n) similarities: partial[part][candidate]. Several rows at
// once, so that `max_similarity` and `weight` are read once for all of these.
extern "C" __global__ void row_gains(const real* similar, int m, int n, const real* max_similarity,
                                     const real* weight, int n_parts, double* partial) {
    int n_tiles = (m + ROWS_EACH - 1) / ROWS_EACH, part = blockIdx.x / n_tiles;
    int first = blockIdx.x % n_tiles * ROWS_EACH, start, stop;
    stretch(n, part, n_parts, &start, &stop);
    double sum[ROWS_EACH];
#pragma unroll
    for (int i = 0; i < ROWS_EACH; ++i) sum[i] = 0;
    for (int column = start + threadIdx.x; column < stop; column += blockDim.x) {
        double low = max_similarity[column], each = weight[column];
#pragma unroll
        for (int i = 0; i < ROWS_EACH; ++i) {
            if (first + i >= m) continue;
            double value = similar[(i64)(first + i) * n + column];
            sum[i] += each * fmax(value - low, 0.0);
        }
    }
#pragma unroll
    for (int i = 0; i < ROWS_EACH; ++i) {
        double total = block_sum(sum[i]);
        if (threadIdx.x == 0 && first + i < m) partial[(i64)part * m + first + i] = total;
    }
}

__device__ inline double sum_of_parts(const double* partial, int n, int n_parts, int at) {
    double sum = 0;
    for (int part = 0; part < n_parts; ++part) sum += partial[(i64)part * n + at];
    return sum;
}

extern "C" __global__ void add_parts(const double* partial, int n, int n_parts, double* total) {
    int at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at < n) total[at] += sum_of_parts(partial, n, n_parts, at);
}

// The best gain of each stretch of candidates, which `gain_of` brings up to date.
template <class GainOf>
__device__ inline void best_of_stretch(int n, GainOf gain_of, Best* best) {
    int start, stop;
    stretch(n, blockIdx.x, gridDim.x, &start, &stop);
    Best mine = {NO_VALUE, NONE};
    for (int at = start + threadIdx.x; at < stop; at += blockDim.x) {
        Best own = {gain_of(at), at};
        if (better(own, mine)) mine = own;
    }
    mine = block_best(mine);
    if (threadIdx.x == 0) best[blockIdx.x] = mine;
}

// The gains of all candidates, -infinity for picks: sums over all rows if `anew`, else minus the
// decrease of this step. `carry` compensates the rounding of many differences (Kahan).
extern "C" __global__ void settle(const double* partial, int n, int anew, const int* counts,
                                  int n_stretches, int most_parts, const i64* picks, int step,
                                  const double* losses, double* loss, double* gains,
                                  double* carry, Best* best) {
    int n_rows, own = (int)threadIdx.x < n_stretches ? counts[threadIdx.x] : 0;
    block_prefix(own, &n_rows);
    int n_parts = parts_of(anew ? n : n_rows, most_parts);
    i64 pick = step < 0 ? -1 : picks[step];
    if (blockIdx.x == 0 && step >= 0) {
        double total = block_sum((int)threadIdx.x < n_stretches ? losses[threadIdx.x] : 0.0);
        if (threadIdx.x == 0) loss[step] = total;
    }
    auto gain_of = [=](int at) {
        if (at == pick) return gains[at] = -INFINITY;
        if (gains[at] == -INFINITY) return gains[at];
        double sum = sum_of_parts(partial, n, n_parts, at);
        if (anew) {
            carry[at] = 0;
            return gains[at] = sum;
        }
        double change = -sum - carry[at], after = gains[at] + change;
        carry[at] = after - gains[at] - change;
        return gains[at] = after;
    };
    best_of_stretch(n, gain_of, best);
}

// Graph cut: the pick of a step, by one block.
extern "C" __global__ void choose(const double* gains, int n, int step, int n_start,
                                  const Best* best, int n_best, double relative, double absolute,
                                  i64* picks, double* values) {
    Best pick = pick_of_step(step, n_start, picks, gains, n, best, n_best, relative, absolute);
    if (threadIdx.x > 0 || pick.at == NONE) return;
    values[step] = gains[pick.at];
    if (step >= n_start) picks[step] = pick.at;
}

// Subtract the similarity to the pick, its row of `similar` (the only row unless `whole`). Step -1
// only finds the best gain of each stretch.
extern "C" __global__ void cut(const real* similar, int whole, int n, const i64* picks, int step,
                               double factor, double lowest, double* gains, Best* best) {
    i64 pick = step < 0 ? -1 : picks[step];
    const real* row = similar + (whole && pick >= 0 ? pick * n : 0);
    auto gain_of = [=](int at) {
        if (at == pick) return gains[at] = -INFINITY;
        if (pick < 0) return gains[at];
        return gains[at] -= factor * ((double)row[at] - lowest);
    };
    best_of_stretch(n, gain_of, best);
}
