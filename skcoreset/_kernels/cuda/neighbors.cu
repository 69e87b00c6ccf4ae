// Nearest neighbors: the nearest candidates of each query, and the choice among them.
#include "common.cuh"
#include "tiles.cuh"

#define MOST 64  // entries of a list
#define CHOOSING_WARPS 4

// Puts a value into an ascending list where it belongs, behind those that are equal to it; the last
// entry falls out. By all threads of one warp.
__device__ inline void insert(real* values, int* positions, int length, real value, int position) {
    int lane = threadIdx.x % WARP;
    for (int from = (length - 1) / WARP * WARP; from >= 0; from -= WARP) {
        int at = from + lane;
        real own = at < length ? values[at] : (real)0;
        real before = at > 0 && at < length ? values[at - 1] : (real)0;
        int position_before = at > 0 && at < length ? positions[at - 1] : 0;
        __syncwarp();  // all have read before one writes
        if (at < length && own > value) {
            bool moves = at > 0 && before > value;
            values[at] = moves ? before : value;
            positions[at] = moves ? position_before : position;
        }
        __syncwarp();
    }
}

// The `length` nearest candidates of each query, without itself: ascending lists, equal values in
// order of position. Entries that are not filled are infinite.
//
// A block has TILE_ROWS of the rows and goes through one part of the candidates tile by tile; each
// part has lists of its own. Candidates come in ascending order, so one that is equal to the last
// of a list is skipped: after the first tiles, few are not. Values are those of `update` in
// farthest_first.cu: squared distances, or with `cosine` by the factors that `square` has then.
extern "C" __global__ TILE_KERNEL void nearest(const real* X, const real* square, int cosine,
                                               int d, const i64* of, int n_of, const i64* among,
                                               int n_among, int n_parts, int length, real* values,
                                               int* positions) {
    __shared__ Tile tile;
    int tx = threadIdx.x % SIDE, lane = threadIdx.x % WARP;
    int part = blockIdx.x % n_parts, first = blockIdx.x / n_parts * TILE_ROWS, start, stop;
    stretch(n_among, part, n_parts, &start, &stop);
    auto row_of = [=](int r) { return first + r < n_of ? (int)of[first + r] : -1; };
    auto list_of = [=](int r) { return ((i64)(first + r) * n_parts + part) * length; };
    // A list is read and written by the warp that has the row, and by no other.
    real last[ROWS_EACH];  // the last value of the row's list; no value is below that of no row
    for (int i = 0; i < ROWS_EACH; ++i) {
        int r = tile_row(i);
        last[i] = first + r < n_of ? (real)INFINITY : -(real)INFINITY;
        for (int at = tx; first + r < n_of && at < length; at += SIDE) {
            values[list_of(r) + at] = (real)INFINITY;
            positions[list_of(r) + at] = -1;
        }
    }
    for (int from = start; from < stop; from += TILE_PICKS) {
        auto candidate_of = [=](int p) { return from + p < stop ? (int)among[from + p] : -1; };
        real dot[ROWS_EACH][PICKS_EACH];
        tile_products(X, row_of, X, candidate_of, d, tile, dot);
#pragma unroll
        for (int i = 0; i < ROWS_EACH; ++i) {
            int row = row_of(tile_row(i));
            real own = row >= 0 ? square[row] : (real)0;
            bool closer = false;
            for (int j = 0; j < PICKS_EACH; ++j) {
                int candidate = candidate_of(tile_pick(tx, j));
                real other = candidate >= 0 ? square[candidate] : (real)0;
                real apart = cosine ? 1 - dot[i][j] * own * other : own + other - 2 * dot[i][j];
                dot[i][j] = candidate >= 0 && candidate != row ? apart : (real)INFINITY;
                closer = closer || dot[i][j] < last[i];
            }
            if (!__any_sync(EVERY_LANE, closer)) continue;
            for (int j = 0; j < PICKS_EACH; ++j) {
                // A warp has two rows, of its lower and its upper lanes.
                unsigned waiting = __ballot_sync(EVERY_LANE, dot[i][j] < last[i]);
                for (; waiting; waiting &= waiting - 1) {
                    int whose = __ffs(waiting) - 1;
                    real value = __shfl_sync(EVERY_LANE, dot[i][j], whose);
                    if (!(value < __shfl_sync(EVERY_LANE, last[i], whose))) continue;
                    int r = __shfl_sync(EVERY_LANE, tile_row(i), whose);
                    int position = candidate_of(tile_pick(whose % SIDE, j));
                    insert(values + list_of(r), positions + list_of(r), length, value, position);
                    if (lane / SIDE == whose / SIDE) last[i] = values[list_of(r) + length - 1];
                }
            }
        }
    }
}

// Exact distance of two rows, known to all threads of the warp.
__device__ inline double measured(const real* x, const real* p, int d, int cosine) {
    double own = 1, other = 1, sum = 0;
    if (cosine) {
        own = other = 0;
        for (int c = threadIdx.x % WARP; c < d; c += WARP) {
            own += (double)x[c] * (double)x[c];
            other += (double)p[c] * (double)p[c];
        }
        own = sqrt(warp_sum(own));
        other = sqrt(warp_sum(other));
        if (!(own > 0 && other > 0)) return 1;
    }
    for (int c = threadIdx.x % WARP; c < d; c += WARP) {
        double apart = (double)x[c] / own - (double)p[c] / other;
        sum += apart * apart;
    }
    sum = warp_sum(sum);
    return cosine ? sum / 2 : sum;
}

// Largest difference of a value that ties with `value`. With `cosine` it is half a squared chord,
// whose root has the error `term`.
__device__ inline double tie(double value, int cosine, double factor, double term) {
    return cosine ? term * (sqrt(2 * fmax(value, 0.0)) + term) : factor * value + term;
}

// The `wanted` nearest neighbors of each query, ascending by position, from its lists; one warp for
// a query. A query is settled if its lists have all candidates that may be among them; nothing is
// written for others.
//
// Values that tie up to `rounding` are computed again from the unshifted rows `X`. Of those that
// tie with the last neighbor, by `factor` and `term`, the lowest positions are taken.
extern "C" __global__ void choose(const real* X, const real* square, int cosine, int d,
                                  const i64* of, int n_of, int n_parts, int length, int wanted,
                                  double rounding, double factor, double term, real* values,
                                  int* positions, int* neighbors, double* distances,
                                  int* settled) {
    __shared__ double value_of[CHOOSING_WARPS][MOST], edge_of[CHOOSING_WARPS];
    __shared__ int position_of[CHOOSING_WARPS][MOST];
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    int asked = blockIdx.x * CHOOSING_WARPS + warp;
    if (asked >= n_of) return;
    values += (i64)asked * n_parts * length;
    positions += (i64)asked * n_parts * length;
    // The parts come in ascending order too.
    for (int at = length; at < n_parts * length; ++at)
        if (values[at] < values[length - 1])
            insert(values, positions, length, values[at], positions[at]);
    int row = (int)of[asked];
    double own = square[row], edge = values[wanted - 1];
    edge += 2 * tie(edge, cosine, factor, term) + 4 * rounding * (cosine ? 1.0 : own + edge);
    bool all = values[length - 1] > edge;
    if (lane == 0) settled[asked] = all;
    if (!all) return;
    int n_near = 0;
    for (; n_near < length && values[n_near] <= edge; ++n_near) {
        int other = positions[n_near];
        const real *x = X + (i64)row * d, *p = X + (i64)other * d;
        double value = measured(x, p, d, cosine);
        if (lane == 0) value_of[warp][n_near] = value, position_of[warp][n_near] = other;
    }
    __syncwarp();
    const double* value = value_of[warp];
    const int* position = position_of[warp];
    for (int i = lane; i < n_near; i += WARP) {
        int rank = 0;
        for (int j = 0; j < n_near; ++j)
            rank += value[j] < value[i] || (value[j] == value[i] && position[j] < position[i]);
        if (rank == wanted - 1) edge_of[warp] = value[i];
    }
    __syncwarp();
    edge = edge_of[warp];
    double width = tie(edge, cosine, factor, term);
    for (int i = lane; i < n_near; i += WARP) {
        int n_sure = 0, sure_before = 0, tied_before = 0;
        for (int j = 0; j < n_near; ++j) {
            bool sure = value[j] < edge - width, before = position[j] < position[i];
            n_sure += sure;
            sure_before += sure && before;
            tied_before += !sure && value[j] <= edge + width && before;
        }
        bool sure = value[i] < edge - width, tied = !sure && value[i] <= edge + width;
        if (!sure && !(tied && tied_before < wanted - n_sure)) continue;
        i64 at = (i64)asked * wanted + sure_before + min(tied_before, wanted - n_sure);
        neighbors[at] = position[i];
        distances[at] = value[i];
    }
}
