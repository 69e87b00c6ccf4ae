// What all kernels share. Compiled twice: REAL is float or double, the type of the table.
//
// Launches follow one another in a stream, so a kernel ends where all blocks must wait for each
// other; what one launch leaves in memory the next one reads. Nothing depends on the order in
// which blocks or threads run, so results are the same every time.

#ifndef SKCORESET_ON_HOST
#define DYNAMIC_SHARED(type, name) extern __shared__ __align__(16) unsigned char dynamic_shared[]; \
    type* name = reinterpret_cast<type*>(dynamic_shared)
#define INFINITY __int_as_float(0x7f800000)  // the compiler of a GPU comes without headers
#endif

#define WARP 32
#define EVERY_LANE 0xffffffffu
#define NO_VALUE (-1e308)  // below all that can occur; infinities have a meaning of their own

typedef REAL real;
typedef long long i64;

#define PACK (16 / (int)sizeof(real))  // numbers in the widest load there is

template <class Number, int WIDTH>
struct __align__(WIDTH == 1 ? sizeof(Number) : 16) Pack {
    Number at[WIDTH];
};

template <class Number, int WIDTH>
__device__ inline Pack<Number, WIDTH> load(const Number* from) {
    return *reinterpret_cast<const Pack<Number, WIDTH>*>(from);
}

// The larger value; the lower position of equal ones.
struct Best {
    double value;
    int at;
};

__device__ inline bool better(Best left, Best right) {
    return left.value > right.value || (left.value == right.value && left.at < right.at);
}

__device__ inline Best warp_best(Best mine) {
    for (int step = WARP / 2; step > 0; step /= 2) {
        Best other;
        other.value = __shfl_xor_sync(EVERY_LANE, mine.value, step);
        other.at = __shfl_xor_sync(EVERY_LANE, mine.at, step);
        if (better(other, mine)) mine = other;
    }
    return mine;
}

// The best of all threads of the block, known to each of them. All threads take part.
__device__ inline Best block_best(Best mine) {
    __shared__ Best of_warp[WARP];
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, n_warps = blockDim.x / WARP;
    mine = warp_best(mine);
    __syncthreads();  // whoever still reads of_warp from an earlier call
    if (lane == 0) of_warp[warp] = mine;
    __syncthreads();
    Best none = {NO_VALUE, 0x7fffffff};
    return warp_best(lane < n_warps ? of_warp[lane] : none);
}

// The lowest of all threads of the block, known to each of them. All threads take part.
__device__ inline int block_lowest(int mine) {
    __shared__ int of_warp[WARP];
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, n_warps = blockDim.x / WARP;
    for (int step = WARP / 2; step > 0; step /= 2)
        mine = min(mine, __shfl_xor_sync(EVERY_LANE, mine, step));
    __syncthreads();
    if (lane == 0) of_warp[warp] = mine;
    __syncthreads();
    mine = lane < n_warps ? of_warp[lane] : 0x7fffffff;
    for (int step = WARP / 2; step > 0; step /= 2)
        mine = min(mine, __shfl_xor_sync(EVERY_LANE, mine, step));
    return mine;
}

__device__ inline double warp_sum(double mine) {
    for (int step = WARP / 2; step > 0; step /= 2) mine += __shfl_xor_sync(EVERY_LANE, mine, step);
    return mine;
}

// The sum over all threads of the block, in an order that is always the same, known to each.
__device__ inline double block_sum(double mine) {
    __shared__ double of_warp[WARP];
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, n_warps = blockDim.x / WARP;
    mine = warp_sum(mine);
    __syncthreads();
    if (lane == 0) of_warp[warp] = mine;
    __syncthreads();
    return warp_sum(lane < n_warps ? of_warp[lane] : 0.0);
}

// Rows of which block `block` takes care: a stretch, so that the lowest of tied rows is in the
// first of the blocks that have one.
__device__ inline void stretch(int n, int block, int n_blocks, int* start, int* stop) {
    int most = (n + n_blocks - 1) / n_blocks;
    *start = min(n, block * most);
    *stop = min(n, *start + most);
}

// The lowest row whose value is at least `least`, by all threads of one block: `best` has the best
// value of each stretch, so only the first stretch that reaches it is looked at.
__device__ inline int lowest_of_ties(const double* values, int n, const Best* best, int n_blocks,
                                     double least) {
    int mine = 0x7fffffff;
    for (int block = threadIdx.x; block < n_blocks; block += blockDim.x)
        if (best[block].value >= least) mine = min(mine, block);
    int first = block_lowest(mine);
    if (first == 0x7fffffff) return first;
    int start, stop;
    stretch(n, first, n_blocks, &start, &stop);
    mine = 0x7fffffff;
    for (int row = start + threadIdx.x; row < stop; row += blockDim.x)
        if (values[row] >= least) mine = min(mine, row);
    return block_lowest(mine);
}
