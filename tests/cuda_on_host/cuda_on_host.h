// Just enough of CUDA to run a kernel on the host: every thread of a block is a fiber.
//
// Fibers run one at a time, in an order that is shuffled by a seed at every step, and change only
// where threads wait for each other; some warps, others after each barrier, stand still until all
// others wait. Blocks run one after the other, in shuffled order too. What depends on the order (a
// barrier that is missing) gives other results for other seeds. If no fiber can go on, or some
// wait at a barrier that others have left for good, the launch fails.
#pragma once
#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#define SKCORESET_ON_HOST
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__
#define __launch_bounds__(...)
#define __align__(n)
#define __shared__ static
#define DYNAMIC_SHARED(type, name) type* name = reinterpret_cast<type*>(on_host::dynamic.data())

struct Index {
    unsigned x = 0, y = 0, z = 0;
};

namespace on_host {
enum State { READY, AT_BARRIER, IN_WARP, DONE };

struct Fiber {
    ucontext_t context;  // to begin with; later changes are jumps, which need no system call
    jmp_buf at;
    bool begun = false;
    std::unique_ptr<char[]> stack;
    State state = READY;
    unsigned char sent[2][16];  // by turns, so that nobody sends over what others still read
    unsigned turn = 0;
};

inline std::vector<Fiber> fibers;
inline std::vector<double> dynamic;
inline ucontext_t main_context;
inline jmp_buf scheduler;
inline unsigned running;
inline Index block, n_blocks, n_threads;
inline std::function<void()> body;

inline void wait(State why) {
    fibers[running].state = why;
    if (!_setjmp(fibers[running].at)) _longjmp(scheduler, 1);
}

inline void go_on(unsigned i) {
    running = i;
    if (_setjmp(scheduler)) return;
    if (fibers[i].begun) _longjmp(fibers[i].at, 1);
    fibers[i].begun = true;
    swapcontext(&main_context, &fibers[i].context);
}

inline void run_fiber() {
    body();
    wait(DONE);
}

inline bool all(unsigned from, unsigned to, State state) {
    for (unsigned i = from; i < to; ++i)
        if (fibers[i].state != state) return false;
    return true;
}

// One block to its end; false if its threads wait for each other for ever.
inline bool run_block(std::mt19937& random) {
    constexpr size_t STACK = 1 << 16;
    unsigned n = n_threads.x;
    for (Fiber& fiber : fibers) {
        fiber.state = READY;
        fiber.begun = false;
        fiber.turn = 0;
        if (!fiber.stack) fiber.stack.reset(new char[STACK]);
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.get();
        fiber.context.uc_stack.ss_size = STACK;
        fiber.context.uc_link = nullptr;
        makecontext(&fiber.context, run_fiber, 0);
    }
    std::fill(dynamic.begin(), dynamic.end(), std::nan(""));
    std::vector<unsigned> order(n);
    std::iota(order.begin(), order.end(), 0u);
    unsigned slow = random();  // a bit for each warp
    bool others_wait = false;
    while (!all(0, n, DONE)) {
        bool moved = false;
        std::shuffle(order.begin(), order.end(), random);
        for (unsigned i : order) {
            bool stands = (slow >> (i / 32) & 1) && !others_wait;
            if (fibers[i].state != READY || stands) continue;
            moved = true;
            go_on(i);
        }
        for (unsigned warp = 0; warp < n; warp += 32)
            if (all(warp, warp + 32, IN_WARP)) {
                moved = true;
                for (unsigned i = warp; i < warp + 32; ++i) fibers[i].state = READY;
            }
        if (all(0, n, AT_BARRIER)) {
            moved = true;
            for (Fiber& fiber : fibers) fiber.state = READY;
            slow = random();
        }
        if (!moved && others_wait) return false;
        others_wait = !moved;
    }
    return true;
}

inline int launch(unsigned blocks, unsigned threads, size_t shared, unsigned seed,
                  std::function<void()> kernel) {
    if (threads % 32 || threads > 1024) return 2;
    std::mt19937 random(seed);
    n_blocks.x = blocks, n_threads.x = threads;
    n_blocks.y = n_blocks.z = n_threads.y = n_threads.z = 1;
    body = kernel;
    if (fibers.size() != threads) fibers = std::vector<Fiber>(threads);
    dynamic.assign((shared + sizeof(double) - 1) / sizeof(double), 0.0);
    std::vector<unsigned> order(blocks);
    std::iota(order.begin(), order.end(), 0u);
    std::shuffle(order.begin(), order.end(), random);
    for (unsigned b : order) {
        block.x = b;
        if (!run_block(random)) return 1;
    }
    return 0;
}

// All lanes of a warp give a value and take that of another.
template <class T>
T exchange(T value, unsigned from) {
    static_assert(sizeof(T) <= sizeof(Fiber::sent[0]));
    unsigned me = running, turn = fibers[me].turn++ % 2;
    std::memcpy(fibers[me].sent[turn], &value, sizeof(T));
    wait(IN_WARP);
    T out;
    std::memcpy(&out, fibers[(me & ~31u) | (from & 31u)].sent[turn], sizeof(T));
    return out;
}
}  // namespace on_host

#define threadIdx (Index{on_host::running, 0, 0})
#define blockIdx (on_host::block)
#define blockDim (on_host::n_threads)
#define gridDim (on_host::n_blocks)

inline void __syncthreads() { on_host::wait(on_host::AT_BARRIER); }
inline void __syncwarp(unsigned = 0xffffffffu) { on_host::wait(on_host::IN_WARP); }
inline void __threadfence() {}
inline void __threadfence_block() {}

template <class T>
T __shfl_sync(unsigned, T value, int from, int width = 32) {
    unsigned lane = on_host::running & 31u;
    return on_host::exchange(value, (lane & ~(width - 1u)) | (from & (width - 1u)));
}
template <class T>
T __shfl_xor_sync(unsigned, T value, int mask) {
    return on_host::exchange(value, (on_host::running & 31u) ^ mask);
}
template <class T>
T __shfl_down_sync(unsigned, T value, unsigned step) {
    unsigned lane = on_host::running & 31u;
    return on_host::exchange(value, lane + step < 32 ? lane + step : lane);
}
template <class T>
T __shfl_up_sync(unsigned, T value, unsigned step) {
    unsigned lane = on_host::running & 31u;
    return on_host::exchange(value, lane >= step ? lane - step : lane);
}
inline unsigned __ballot_sync(unsigned, int predicate) {
    unsigned me = on_host::running, turn = on_host::fibers[me].turn;
    on_host::exchange(predicate, me);
    unsigned out = 0;
    for (unsigned lane = 0; lane < 32; ++lane) {
        int theirs;
        std::memcpy(&theirs, on_host::fibers[(me & ~31u) | lane].sent[turn % 2], sizeof(int));
        out |= (theirs ? 1u : 0u) << lane;
    }
    return out;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return ~__ballot_sync(mask, predicate) == 0; }
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }

template <class T>
T atomicAdd(T* at, T value) {
    T old = *at;
    *at = old + value;
    return old;
}
template <class T>
T atomicMin(T* at, T value) {
    T old = *at;
    *at = std::min(old, value);
    return old;
}
template <class T>
T atomicMax(T* at, T value) {
    T old = *at;
    *at = std::max(old, value);
    return old;
}

using std::max;
using std::min;
