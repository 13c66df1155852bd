/* Reference for benchmarks/kernels.py: a 3x3 convolution with padding 1, gathered by output pixel.
 * int8 weights [tap y][tap x][channel in][channel out], sums of 16 bits in registers, at most
 * `chunk` events in each. Channels out are a multiple of 64. */
#include <stdint.h>

typedef int16_t part __attribute__((vector_size(32)));
typedef int8_t bytes __attribute__((vector_size(16)));
typedef int32_t sums __attribute__((vector_size(64)));

static inline void add(int32_t *acc, const part *t) {
    for (int i = 0; i < 4; i++) {
        sums s;
        __builtin_memcpy(&s, acc + 16 * i, sizeof s);
        s += __builtin_convertvector(t[i], sums);
        __builtin_memcpy(acc + 16 * i, &s, sizeof s);
    }
}

void gather(int64_t height, int64_t width, int64_t in, int64_t out, const uint32_t *neuron,
            const int64_t *payload, const int64_t *segments, const int8_t *weights, int32_t *acc,
            int64_t chunk) {
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            int64_t left = x > 0 ? x - 1 : 0, right = x + 2 < width ? x + 2 : width;
            for (int64_t o = 0; o < out; o += 64) {
                int32_t *to = acc + (y * width + x) * out + o;
                part t[4] = {{0}};
                int64_t room = chunk;
                for (int64_t ty = 0; ty < 3; ty++) {
                    int64_t row = y + ty - 1;
                    if (row < 0 || row >= height) continue;
                    const int8_t *base =
                        weights + (ty * 3 * in - (row * width + x - 1) * in) * out + o;
                    int64_t e = segments[row * width + left], last = segments[row * width + right];
                    while (e < last) {
                        int64_t stop = last - e < room ? last : e + room;
                        room -= stop - e;
                        for (; e < stop; e++) {
                            const int8_t *row_of = base + (int64_t)neuron[e] * out;
                            for (int i = 0; i < 4; i++) {
                                bytes w;
                                __builtin_memcpy(&w, row_of + 16 * i, sizeof w);
                                t[i] += __builtin_convertvector(w, part) * (int16_t)payload[e];
                            }
                        }
                        if (room == 0) {
                            add(to, t);
                            for (int i = 0; i < 4; i++) t[i] = (part){0};
                            room = chunk;
                        }
                    }
                }
                add(to, t);
            }
        }
}
