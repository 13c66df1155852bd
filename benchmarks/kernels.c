/* References for benchmarks/kernels.py, written by hand for vectors of 16 lanes.
 * Weights are int8, channels out innermost; sums of 16 bits in registers take at most `chunk` events
 * each and are added to int32. The compiler is free to use any vector unit of the machine. Each entry
 * does its work `times` over: a call from Python takes as long as a small layer. */
#include <stdint.h>

typedef int16_t part __attribute__((vector_size(32)));
typedef int8_t bytes __attribute__((vector_size(16)));
typedef int32_t sums __attribute__((vector_size(64)));

#define INLINE static inline __attribute__((always_inline))

INLINE void add(int32_t *acc, const part *t, int tiles) {
    for (int i = 0; i < tiles; i++) {
        sums s;
        __builtin_memcpy(&s, acc + 16 * i, sizeof s);
        s += __builtin_convertvector(t[i], sums);
        __builtin_memcpy(acc + 16 * i, &s, sizeof s);
    }
}

/* Events e … last of one run, each a row of `out` weights from `base`, into `tiles` registers. */
INLINE void gather_run(int64_t e, int64_t last, const uint32_t *neuron, const int64_t *payload,
                       const int8_t *base, int64_t out, part *t, int32_t *to, int64_t chunk,
                       int64_t *room, int tiles) {
    while (e < last) {
        int64_t stop = last - e < *room ? last : e + *room;
        *room -= stop - e;
        for (; e < stop; e++) {
            const int8_t *row = base + (int64_t)neuron[e] * out;
            for (int i = 0; i < tiles; i++) {
                bytes w;
                __builtin_memcpy(&w, row + 16 * i, sizeof w);
                t[i] += __builtin_convertvector(w, part) * (int16_t)payload[e];
            }
        }
        if (*room == 0) {
            add(to, t, tiles);
            for (int i = 0; i < tiles; i++) t[i] = (part){0};
            *room = chunk;
        }
    }
}

/* A 3x3 convolution with padding 1, weights [tap y][tap x][channel in][channel out]. */
INLINE void conv_tiles(int64_t height, int64_t width, int64_t in, int64_t out,
                       const uint32_t *neuron, const int64_t *payload, const int64_t *segments,
                       const int8_t *weights, int32_t *acc, int64_t chunk, int tiles) {
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            int64_t left = x > 0 ? x - 1 : 0, right = x + 2 < width ? x + 2 : width;
            for (int64_t o = 0; o < out; o += 16 * tiles) {
                int32_t *to = acc + (y * width + x) * out + o;
                part t[4] = {{0}};
                int64_t room = chunk;
                for (int64_t ty = 0; ty < 3; ty++) {
                    int64_t row = y + ty - 1;
                    if (row < 0 || row >= height) continue;
                    const int8_t *base =
                        weights + (ty * 3 * in - (row * width + x - 1) * in) * out + o;
                    gather_run(segments[row * width + left], segments[row * width + right], neuron,
                               payload, base, out, t, to, chunk, &room, tiles);
                }
                add(to, t, tiles);
            }
        }
}

/* `out` is a multiple of 16. */
INLINE void conv_once(int64_t height, int64_t width, int64_t in, int64_t out, const uint32_t *neuron,
          const int64_t *payload, const int64_t *segments, const int8_t *weights, int32_t *acc,
          int64_t chunk) {
    if (out % 64 == 0)
        conv_tiles(height, width, in, out, neuron, payload, segments, weights, acc, chunk, 4);
    else if (out % 32 == 0)
        conv_tiles(height, width, in, out, neuron, payload, segments, weights, acc, chunk, 2);
    else
        conv_tiles(height, width, in, out, neuron, payload, segments, weights, acc, chunk, 1);
}

void conv(int64_t times, int64_t height, int64_t width, int64_t in, int64_t out,
          const uint32_t *neuron, const int64_t *payload, const int64_t *segments,
          const int8_t *weights, int32_t *acc, int64_t chunk) {
    while (times-- > 0)
        conv_once(height, width, in, out, neuron, payload, segments, weights, acc, chunk);
}

/* A matrix, weights [in][out]; `weights` and `acc` have 64 lanes to spare behind their end. */
void dense(int64_t times, int64_t n_events, int64_t out, const uint32_t *neuron, const int64_t *payload,
           const int8_t *weights, int32_t *acc, int64_t chunk) {
    while (times-- > 0)
        for (int64_t o = 0; o < out; o += 64) {
            part t[4] = {{0}};
            int64_t room = chunk;
            gather_run(0, n_events, neuron, payload, weights + o, out, t, acc + o, chunk, &room, 4);
            add(acc + o, t, 4);
        }
}

/* A depthwise 3x3 convolution, scattered: weights [tap y][tap x][channel], `acc` has a border of one
 * pixel around it. */
INLINE void depthwise_once(int64_t width, int64_t channels, int64_t n_events, const uint32_t *neuron,
               const int64_t *payload, const int8_t *weights, int32_t *acc) {
    for (int64_t e = 0; e < n_events; e++) {
        uint32_t pixel = neuron[e] / (uint32_t)channels, c = neuron[e] % (uint32_t)channels;
        int64_t y = pixel / (uint32_t)width, x = pixel % (uint32_t)width;
        int32_t p = (int32_t)payload[e];
        int32_t *to = acc + ((y + 2) * (width + 2) + x + 2) * channels + c;
        for (int64_t ty = 0; ty < 3; ty++)
            for (int64_t tx = 0; tx < 3; tx++)
                to[-(ty * (width + 2) + tx) * channels] += weights[(ty * 3 + tx) * channels + c] * p;
    }
}

void depthwise(int64_t times, int64_t width, int64_t channels, int64_t n_events,
               const uint32_t *neuron, const int64_t *payload, const int8_t *weights,
               int32_t *acc) {
    while (times-- > 0) depthwise_once(width, channels, n_events, neuron, payload, weights, acc);
}

/* What scattering can reach: nine sums for each of 1,024 events, all of them in the first cache. */
void nine_sums(int64_t times, const int32_t *weights, int32_t *acc, int64_t stride) {
    for (int64_t e = 0; e < 1024 * times; e++)
        for (int64_t t = 0; t < 9; t++) acc[(e & 15) + t * stride] += weights[t];
}
