// Quicksort of 2^16 pseudorandom words, rounds times.
#include <stdint.h>
#define N (1 << 16)
static uint32_t v[N];
static void sort(int lo, int hi) {
  while (lo < hi) {
    uint32_t p = v[(lo + hi) >> 1];
    int i = lo, k = hi;
    while (i <= k) {
      while (v[i] < p) i++;
      while (v[k] > p) k--;
      if (i <= k) { uint32_t t = v[i]; v[i] = v[k]; v[k] = t; i++; k--; }
    }
    if (k - lo < hi - i) { sort(lo, k); lo = i; } else { sort(i, hi); hi = k; }
  }
}
__attribute__((export_name("run"))) uint32_t run(uint32_t rounds) {
  uint32_t x = 1, sum = 0;
  for (uint32_t r = 0; r < rounds; r++) {
    for (int i = 0; i < N; i++) { x = x * 1664525 + 1013904223; v[i] = x; }
    sort(0, N - 1);
    sum += v[r & (N - 1)];
  }
  return sum;
}
__attribute__((export_name("_start"))) void start(void) {}
