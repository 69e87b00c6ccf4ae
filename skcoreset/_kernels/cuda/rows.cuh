// Products of the rows of a table with one vector, and distances from one: the table is read once,
// in whole lines.
//
// A row has `lanes` threads, a power of 2 and a warp at most, so that short rows share a warp;
// each thread has AT_ONCE rows, so that it waits for several loads together. A row is added up in
// double, in an order that depends on its length alone: equal rows give equal sums.

#define AT_ONCE 4

__device__ inline bool in_packs(const void* from) { return (unsigned long long)from % 16 == 0; }

// A table on the device, or some rows of it, less an offset.
struct Table {
    const real* X;
    const i64* rows;     // position of each row that is in play; null: they all are
    const real* offset;  // null: none
    int d;

    __device__ const real* row(int at) const { return X + (rows ? rows[at] : (i64)at) * d; }
    __device__ real shift(int c) const { return offset ? offset[c] : (real)0; }
};

__device__ inline Table table(const real* X, const i64* rows, int some, const real* offset,
                              int shifted, int d) {
    return {X, some ? rows : nullptr, shifted ? offset : nullptr, d};
}

template <int WIDTH, class Number>
__device__ inline void lane_products(const Table& table, const real* const (&x)[AT_ONCE],
                                     const Number* vector, int lanes, double (&sum)[AT_ONCE]) {
    for (int c = threadIdx.x % lanes * WIDTH; c < table.d; c += lanes * WIDTH) {
        Pack<real, WIDTH> values[AT_ONCE], shift = {};
#pragma unroll
        for (int r = 0; r < AT_ONCE; ++r) values[r] = load<real, WIDTH>(x[r] + c);
        Pack<Number, WIDTH> factor = load<Number, WIDTH>(vector + c);
        if (table.offset) shift = load<real, WIDTH>(table.offset + c);
#pragma unroll
        for (int r = 0; r < AT_ONCE; ++r)
#pragma unroll
            for (int j = 0; j < WIDTH; ++j)
                sum[r] += (double)(values[r].at[j] - shift.at[j]) * (double)factor.at[j];
    }
}

// sum[r] = (row at[r] - offset) . vector, known to all threads of the row. All threads take part.
template <class Number>
__device__ inline void row_products(const Table& table, const int (&at)[AT_ONCE],
                                    const Number* vector, int lanes, double (&sum)[AT_ONCE]) {
    const real* x[AT_ONCE];
    for (int r = 0; r < AT_ONCE; ++r) x[r] = table.row(at[r]), sum[r] = 0;
    bool packed = table.d % PACK == 0 && in_packs(table.X) && in_packs(vector);
    if (packed && in_packs(table.offset))
        lane_products<PACK>(table, x, vector, lanes, sum);
    else
        lane_products<1>(table, x, vector, lanes, sum);
    for (int step = lanes / 2; step > 0; step /= 2)
        for (int r = 0; r < AT_ONCE; ++r) sum[r] += __shfl_xor_sync(EVERY_LANE, sum[r], step);
}

template <int WIDTH>
__device__ inline void lane_distances(const Table& table, const real* const (&x)[AT_ONCE],
                                      const double* middle, const double* target, int lanes,
                                      double (&sum)[AT_ONCE]) {
    for (int c = threadIdx.x % lanes * WIDTH; c < table.d; c += lanes * WIDTH) {
        Pack<real, WIDTH> values[AT_ONCE];
#pragma unroll
        for (int r = 0; r < AT_ONCE; ++r) values[r] = load<real, WIDTH>(x[r] + c);
#pragma unroll
        for (int r = 0; r < AT_ONCE; ++r)
#pragma unroll
            for (int j = 0; j < WIDTH; ++j) {
                double apart = (double)values[r].at[j] - middle[c + j] - target[c + j];
                sum[r] += apart * apart;
            }
    }
}

// sum[r] = |row at[r] - middle - target|^2, known to all threads of the row. All take part.
__device__ inline void row_distances(const Table& table, const int (&at)[AT_ONCE],
                                     const double* middle, const double* target, int lanes,
                                     double (&sum)[AT_ONCE]) {
    const real* x[AT_ONCE];
    for (int r = 0; r < AT_ONCE; ++r) x[r] = table.row(at[r]), sum[r] = 0;
    if (table.d % PACK == 0 && in_packs(table.X))
        lane_distances<PACK>(table, x, middle, target, lanes, sum);
    else
        lane_distances<1>(table, x, middle, target, lanes, sum);
    for (int step = lanes / 2; step > 0; step /= 2)
        for (int r = 0; r < AT_ONCE; ++r) sum[r] += __shfl_xor_sync(EVERY_LANE, sum[r], step);
}

// Rows start .. stop by turns, neighboring groups of lanes at neighboring rows: function(row, at),
// where at[r] is row[r], or the last row where row[r] is at `stop` or behind and so is none.
template <class Function>
__device__ inline void each_rows(int start, int stop, int lanes, Function function) {
    int group = threadIdx.x / lanes, n_groups = blockDim.x / lanes;
    for (int first = start; first < stop; first += n_groups * AT_ONCE) {
        int row[AT_ONCE], at[AT_ONCE];
        for (int r = 0; r < AT_ONCE; ++r) {
            row[r] = first + r * n_groups + group;
            at[r] = min(row[r], stop - 1);
        }
        function(row, at);
    }
}
