// Inner products of a tile of rows with a tile of picks, from shared memory into registers.
//
// 256 threads, 16 x 16; each has the products of 8 rows with 4 picks, neighbors in the tile, so
// that it reads them from shared memory in the widest loads. The 16 threads that have the same
// rows are one half of a warp. Each pair is added up in the order of the columns, by one thread:
// the same pair gives the same number in every launch.

#define TILE_THREADS 256
// Two blocks at once on a multiprocessor in float; in double there are registers for one only.
#define TILE_KERNEL __launch_bounds__(TILE_THREADS, 8 / sizeof(real))
#define SIDE 16
#define ROWS_EACH 8
#define PICKS_EACH 4
#define TILE_ROWS (SIDE * ROWS_EACH)
#define TILE_PICKS (SIDE * PICKS_EACH)
#define DEPTH 16

struct __align__(16) Tile {
    real rows[DEPTH][TILE_ROWS + PACK];
    real picks[DEPTH][TILE_PICKS + PACK];
};

// The i-th row of this thread, and the j-th pick of thread `tx` of those that share its rows.
__device__ inline int tile_row(int i) { return threadIdx.x / SIDE * ROWS_EACH + i; }
__device__ inline int tile_pick(int tx, int j) { return tx * PICKS_EACH + j; }

template <int N>
__device__ inline void load_packs(const real* from, real (&to)[N]) {
#pragma unroll
    for (int i = 0; i < N; i += PACK) {
        Pack<real, PACK> pack = load<real, PACK>(from + i);
#pragma unroll
        for (int j = 0; j < PACK; ++j) to[i + j] = pack.at[j];
    }
}

// Row r of the tile is row_of(r) of X, pick p is pick_of(p) of P; both have d columns. -1: none,
// which counts as zeros.
template <class RowOf, class PickOf>
__device__ inline void tile_products(const real* X, RowOf row_of, const real* P, PickOf pick_of,
                                     int d, Tile& tile, real (&dot)[ROWS_EACH][PICKS_EACH]) {
    for (int i = 0; i < ROWS_EACH; ++i)
        for (int j = 0; j < PICKS_EACH; ++j) dot[i][j] = 0;
    for (int from = 0; from < d; from += DEPTH) {
        __syncthreads();  // whoever still reads the last stretch of columns
        // Neighboring threads read neighboring columns of one row.
        for (int at = threadIdx.x; at < DEPTH * TILE_ROWS; at += TILE_THREADS) {
            int column = from + at % DEPTH, row = row_of(at / DEPTH);
            tile.rows[at % DEPTH][at / DEPTH] =
                row >= 0 && column < d ? X[(i64)row * d + column] : (real)0;
        }
        for (int at = threadIdx.x; at < DEPTH * TILE_PICKS; at += TILE_THREADS) {
            int column = from + at % DEPTH, pick = pick_of(at / DEPTH);
            tile.picks[at % DEPTH][at / DEPTH] =
                pick >= 0 && column < d ? P[(i64)pick * d + column] : (real)0;
        }
        __syncthreads();
#pragma unroll
        for (int c = 0; c < DEPTH; ++c) {
            real x[ROWS_EACH], p[PICKS_EACH];
            load_packs(&tile.rows[c][tile_row(0)], x);
            load_packs(&tile.picks[c][tile_pick(threadIdx.x % SIDE, 0)], p);
#pragma unroll
            for (int i = 0; i < ROWS_EACH; ++i)
#pragma unroll
                for (int j = 0; j < PICKS_EACH; ++j) dot[i][j] += x[i] * p[j];
        }
    }
}
