// Orthogonal matching pursuit: four launches for a step; all decisions stay on the device.
//
// Two of them read all rows: the column of inner products with the pick, and the correlations.
// The other two are one block each: the choice of a row, and the solution for the weights. Their
// common variables are in `state`; once it is DONE, later launches do nothing.
#include "common.cuh"
#include "rows.cuh"

#define PARTS 8  // warps of a block, each of which adds up its share of the columns

// A position in `state`: how many rows are in, whether the loop is over, the row that comes in,
// and how many have come in so far, those that went out again included.
enum { COUNT, DONE, PICK, STAMP };

// barred[row]: IN, or at which STAMP it was found to be a combination of those that were in. It
// may not come in before another has.
#define IN 0x7fffffff

// gain[row] = correlation of a row with the residual, and the best of each stretch of rows.
extern "C" __global__ void correlations(const double* start_, const real* columns,
                                        const double* weights, const int* slots,
                                        const int* barred, int n, int positive, const int* state,
                                        double* gain, Best* best) {
    __shared__ double part[PARTS][WARP];
    if (state[DONE]) return;
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, k = state[COUNT];
    int start, stop;
    stretch(n, blockIdx.x, gridDim.x, &start, &stop);
    Best mine = {NO_VALUE, 0x7fffffff};
    for (int first = start; first < stop; first += WARP) {
        int row = first + lane;
        double sum = 0;
        if (row < stop) {
#pragma unroll 8
            for (int i = warp; i < k; i += PARTS)
                sum += weights[i] * (double)columns[(i64)slots[i] * n + row];
        }
        __syncthreads();  // whoever still reads the parts of the rows before
        part[warp][lane] = sum;
        __syncthreads();
        if (warp > 0 || row >= stop) continue;
        double left = start_[row];
        for (int p = 0; p < PARTS; ++p) left -= part[p][lane];
        Best other = {positive ? left : fabs(left), row};
        if (barred[row] >= state[STAMP]) other.value = -INFINITY;
        gain[row] = other.value;
        if (better(other, mine)) mine = other;
    }
    mine = block_best(mine);
    if (threadIdx.x == 0) best[blockIdx.x] = mine;
}

// The row to add: the lowest whose gain is the largest up to rounding, which is `width` times its
// norm; or the end of the loop. By one block.
extern "C" __global__ void choose(const double* square, const double* gain, const Best* best,
                                  int n_blocks, int n, int size, double tol, double width,
                                  const double* norms, int* state) {
    if (state[DONE]) return;
    int k = state[COUNT];
    Best top = {NO_VALUE, 0x7fffffff};
    for (int block = threadIdx.x; block < n_blocks; block += blockDim.x)
        if (better(best[block], top)) top = best[block];
    top = block_best(top);
    double rounding = top.at < n ? width * sqrt(square[top.at]) : 0.0;
    if (k == size || norms[k] <= tol * norms[0] || top.at >= n || !(top.value > rounding)) {
        if (threadIdx.x == 0) state[DONE] = 1;
        return;
    }
    int row = lowest_of_ties(gain, n, best, n_blocks, top.value - 0.25 * rounding);
    if (threadIdx.x == 0) state[PICK] = row;
}

// Inner products of all rows with the one that comes in: of rows of h with that of h, plus `bias`,
// times those of a; without `a`, of rows of h alone. Kept in the type of the table.
extern "C" __global__ void column(const real* H, const i64* h_rows, int h_some,
                                  const real* h_offset, int h_shifted, int d, int h_lanes,
                                  const real* A, const i64* a_rows, int a_some,
                                  const real* a_offset, int a_shifted, int n_outputs, int a_lanes,
                                  int with_a, double bias, int n, const int* slots,
                                  const int* state, real* columns) {
    if (state[DONE]) return;
    Table h = table(H, h_rows, h_some, h_offset, h_shifted, d);
    Table a = table(A, a_rows, a_some, a_offset, a_shifted, n_outputs);
    const real *h_pick = h.row(state[PICK]), *a_pick = a.row(state[PICK]);
    real* out = columns + (i64)slots[state[COUNT]] * n;
    int start, stop;
    stretch(n, blockIdx.x, gridDim.x, &start, &stop);
    each_rows(start, stop, h_lanes, [&](const int(&row)[AT_ONCE], const int(&at)[AT_ONCE]) {
        double sum[AT_ONCE];
        row_products(h, at, h_pick, h_lanes, sum);
        for (int r = 0; r < AT_ONCE; ++r)
            if (row[r] < stop && threadIdx.x % h_lanes == 0) out[row[r]] = (real)(sum[r] + bias);
    });
    if (!with_a) return;
    __syncthreads();  // the block's own stretch of `out`
    each_rows(start, stop, a_lanes, [&](const int(&row)[AT_ONCE], const int(&at)[AT_ONCE]) {
        double sum[AT_ONCE];
        row_products(a, at, a_pick, a_lanes, sum);
        for (int r = 0; r < AT_ONCE; ++r)
            if (row[r] < stop && threadIdx.x % a_lanes == 0)
                out[row[r]] = (real)(sum[r] * (double)out[row[r]]);
    });
}

// Least squares on the support, updated by one block.
//
// `factor` (size x size) has the Cholesky factor L of their inner products below its diagonal and
// its transpose above, so that neighboring threads read neighboring numbers of either; on the
// diagonal it has 1 / L_ii. `half` solves L half = correlations with the target.
struct Fit {
    int size;
    double *factor, *weights, *half, *wanted;
    int *picks, *slots, *out;

    __device__ double& at(int i, int j) const { return factor[(i64)i * size + j]; }
};

// The warp-sized triangle from .. to of a solve, by the first warp; row i before row j if `down`.
__device__ inline void solve_triangle(const Fit& fit, int from, int to, bool down, double* x) {
    int i = from + threadIdx.x, n = to - from;
    double mine = i < to ? x[i] : 0, diagonal = i < to ? fit.at(i, i) : 0;
#pragma unroll 8
    for (int step = 0; step < n; ++step) {
        int j = down ? step : n - 1 - step;
        double solved = __shfl_sync(EVERY_LANE, mine * diagonal, j);
        int behind = down ? (int)threadIdx.x - j : j - (int)threadIdx.x;
        if (behind == 0) mine = solved;
        if (behind > 0 && i < to) mine -= fit.at(from + j, i) * solved;
    }
    if (i < to) x[i] = mine;
}

// Subtract from x[i], begin <= i < end, what the solved x[from .. to] contribute.
__device__ inline void subtract_solved(const Fit& fit, int from, int to, int begin, int end,
                                       double* x) {
    for (int i = begin + threadIdx.x; i < end; i += blockDim.x) {
        double sum = 0;
#pragma unroll 8
        for (int j = from; j < to; ++j) sum += fit.at(j, i) * x[j];
        x[i] -= sum;
    }
}

// x = L^-1 x if `down`, else L^-T x: a warp-sized triangle after the other. All threads of the
// block take part, and see the result.
__device__ inline void solve(const Fit& fit, int k, bool down, double* x) {
    int n_triangles = (k + WARP - 1) / WARP;
    for (int t = 0; t < n_triangles; ++t) {
        int from = WARP * (down ? t : n_triangles - 1 - t), to = min(k, from + WARP);
        __syncthreads();
        if (threadIdx.x < WARP) solve_triangle(fit, from, to, down, x);
        __syncthreads();
        subtract_solved(fit, from, to, down ? to : 0, down ? k : from, x);
    }
    __syncthreads();
}

// Put a row of inner products below the factor; false if the row is a combination of the others.
__device__ inline bool extend(const Fit& fit, int k, int pick, const real* column,
                              double regularization, double eps, const double* start) {
    double* row = fit.wanted;
    for (int i = threadIdx.x; i < k; i += blockDim.x) row[i] = (double)column[fit.picks[i]];
    solve(fit, k, true, row);
    double square = 0, product = 0;
    for (int i = threadIdx.x; i < k; i += blockDim.x) {
        square += row[i] * row[i];
        product += row[i] * fit.half[i];
    }
    square = block_sum(square);
    product = block_sum(product);
    double pivot = (double)column[pick] + regularization, rest = pivot - square;
    if (rest <= 64 * eps * pivot) return false;
    double inverse = 1 / sqrt(rest);
    for (int i = threadIdx.x; i < k; i += blockDim.x) fit.at(k, i) = fit.at(i, k) = row[i];
    if (threadIdx.x == 0) {
        fit.at(k, k) = inverse;
        fit.half[k] = (start[pick] - product) * inverse;
        fit.weights[k] = 0;
        fit.picks[k] = pick;
    }
    __syncthreads();
    return true;
}

// x[i] = x[i + 1] for the i from `at`.
template <class T>
__device__ inline void close_gap(T* x, int at, int k) {
    for (int from = at; from < k - 1; from += blockDim.x) {
        int i = from + threadIdx.x;
        T next = i < k - 1 ? x[i + 1] : x[at];
        __syncthreads();
        if (i < k - 1) x[i] = next;
        __syncthreads();
    }
}

// Take row and column `at` out of the factor. What is right below of them takes in the column
// that goes, by one rotation for each of its own columns; all that moves is written a place up.
__device__ inline void take_out_of_factor(const Fit& fit, int at, int k) {
    double* column = fit.wanted;
    for (int i = at + 1 + threadIdx.x; i < k; i += blockDim.x) column[i] = fit.at(at, i);
    for (int c = threadIdx.x; c < at; c += blockDim.x)
        for (int i = at + 1; i < k; ++i) fit.at(i - 1, c) = fit.at(c, i - 1) = fit.at(c, i);
    for (int c = at + 1; c < k; ++c) {
        __syncthreads();
        double diagonal = 1 / fit.at(c, c), other = column[c];
        double length = sqrt(diagonal * diagonal + other * other);
        double cosine = diagonal / length, sine = other / length;
        if (threadIdx.x == 0) fit.at(c - 1, c - 1) = 1 / length;
        for (int i = c + 1 + threadIdx.x; i < k; i += blockDim.x) {
            double below = fit.at(c, i);
            fit.at(i - 1, c - 1) = fit.at(c - 1, i - 1) = cosine * below + sine * column[i];
            column[i] = cosine * column[i] - sine * below;
        }
    }
    __syncthreads();
}

// The row at position `at` goes out and may come back; its column is free for the next.
__device__ inline void take_out(const Fit& fit, int at, int k, int* barred) {
    int slot = fit.slots[at];
    if (threadIdx.x == 0) barred[fit.picks[at]] = -1;
    take_out_of_factor(fit, at, k);
    close_gap(fit.picks, at, k);
    close_gap(fit.slots, at, k);
    close_gap(fit.weights, at, k);
    if (threadIdx.x == 0) fit.slots[k - 1] = slot;
    __syncthreads();
}

// Go from `weights` towards `wanted` until the first is 0, and mark in `out` which are.
__device__ inline void step_to_zero(const Fit& fit, int k) {
    Best first = {NO_VALUE, 0x7fffffff}, largest = first, least = first;
    for (int i = threadIdx.x; i < k; i += blockDim.x) {
        double weight = fit.weights[i], wanted = fit.wanted[i];
        Best step = {weight > 0 ? -weight / (weight - wanted) : 0.0, i};
        if (wanted <= 0 && better(step, first)) first = step;
    }
    double step = -block_best(first).value;
    for (int i = threadIdx.x; i < k; i += blockDim.x) {
        double weight = fit.weights[i] + step * (fit.wanted[i] - fit.weights[i]);
        fit.weights[i] = weight;
        Best own = {weight, i}, negated = {-weight, i};
        if (better(own, largest)) largest = own;
        if (fit.wanted[i] <= 0 && better(negated, least)) least = negated;
    }
    double most = 1e-15 * block_best(largest).value;
    most = fmax(most, -block_best(least).value);  // rounding: the one that was to reach 0
    for (int i = threadIdx.x; i < k; i += blockDim.x)
        fit.out[i] = fit.wanted[i] <= 0 && fit.weights[i] <= most;
    __syncthreads();
}

// Take out all that are marked, the last first; how many rows are left.
__device__ inline int take_out_marked(const Fit& fit, int k, int* barred) {
    for (int end = k;;) {
        int last = 1;  // block_lowest of the negated positions
        for (int i = threadIdx.x; i < end; i += blockDim.x)
            if (fit.out[i]) last = min(last, -i);
        last = block_lowest(last);
        if (last == 1) return k;
        take_out(fit, -last, k, barred);
        end = -last;
        k -= 1;
    }
}

// Weights of the support, from which rows with negative weights are removed; returns its size.
__device__ inline int solve_weights(const Fit& fit, int k, int positive, const double* start,
                                    int* barred) {
    while (true) {
        for (int i = threadIdx.x; i < k; i += blockDim.x) fit.wanted[i] = fit.half[i];
        solve(fit, k, false, fit.wanted);
        int negative = 0x7fffffff;
        for (int i = threadIdx.x; i < k; i += blockDim.x)
            if (fit.wanted[i] <= 0) negative = min(negative, i);
        negative = block_lowest(negative);
        if (!positive || negative == 0x7fffffff) break;
        step_to_zero(fit, k);
        k = take_out_marked(fit, k, barred);
        for (int i = threadIdx.x; i < k; i += blockDim.x) fit.half[i] = start[fit.picks[i]];
        solve(fit, k, true, fit.half);
    }
    for (int i = threadIdx.x; i < k; i += blockDim.x) fit.weights[i] = fit.wanted[i];
    __syncthreads();
    return k;
}

// Add the row of this step to the support and solve, by one block. The residual follows from the
// factor: |b|^2 - |sum - b|^2 = |half|^2 + regularization |weights|^2.
extern "C" __global__ void add(const real* columns, const double* start, int n, int size,
                               double regularization, int positive, double eps, double norm_b,
                               double* factor, double* weights, double* half, double* wanted,
                               int* picks, int* slots, int* out, int* barred, double* norms,
                               int* state) {
    if (state[DONE]) return;
    Fit fit = {size, factor, weights, half, wanted, picks, slots, out};
    int k = state[COUNT], pick = state[PICK], stamp = state[STAMP];
    const real* column = columns + (i64)slots[k] * n;
    if (!extend(fit, k, pick, column, regularization, eps, start)) {
        if (threadIdx.x == 0) barred[pick] = stamp;
        return;
    }
    if (threadIdx.x == 0) barred[pick] = IN;
    k = solve_weights(fit, k + 1, positive, start, barred);
    double explained = 0;
    for (int i = threadIdx.x; i < k; i += blockDim.x)
        explained += half[i] * half[i] + regularization * weights[i] * weights[i];
    explained = block_sum(explained);
    if (threadIdx.x == 0) {
        norms[k] = sqrt(fmax(norm_b - explained, 0.0));
        state[COUNT] = k;
        state[STAMP] = stamp + 1;
    }
}
