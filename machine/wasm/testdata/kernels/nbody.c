// Float stores in the inner loop: five bodies, rounds steps.
#include <stdint.h>

static double p[5][3] = {{0,0,0},{4.84,-1.16,-0.1},{8.34,4.12,-0.4},{12.89,-15.11,-0.22},{15.37,-25.9,0.17}};
static double v[5][3] = {{0,0,0},{0.6,2.8,-0.02},{-1.01,1.82,0.008},{1.08,0.86,-0.01},{0.97,0.59,-0.03}};
static double m[5] = {39.47,0.037,0.011,0.0017,0.002};
__attribute__((export_name("run"))) uint32_t run(uint32_t rounds) {
  for (uint32_t r = 0; r < rounds; r++) {
    for (int i = 0; i < 5; i++)
      for (int k = i + 1; k < 5; k++) {
        double d[3], q = 0;
        for (int c = 0; c < 3; c++) { d[c] = p[i][c] - p[k][c]; q += d[c] * d[c]; }
        double g = 0.01 / (q * __builtin_sqrt(q));
        for (int c = 0; c < 3; c++) { v[i][c] -= d[c] * m[k] * g; v[k][c] += d[c] * m[i] * g; }
      }
    for (int i = 0; i < 5; i++)
      for (int c = 0; c < 3; c++) p[i][c] += 0.01 * v[i][c];
  }
  uint64_t x;
  __builtin_memcpy(&x, &p[0][0], 8);
  return (uint32_t)(x ^ x >> 32);
}
__attribute__((export_name("_start"))) void start(void) {}
