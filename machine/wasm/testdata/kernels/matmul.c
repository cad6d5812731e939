// Multiplies two 128 x 128 matrices of f64, rounds times.
#include <stdint.h>
#define N 128
static double a[N][N], b[N][N], c[N][N];
__attribute__((export_name("run"))) uint32_t run(uint32_t rounds) {
  for (int i = 0; i < N; i++)
    for (int k = 0; k < N; k++) { a[i][k] = i * 0.5 - k; b[i][k] = 1.0 / (i + k + 1); }
  for (uint32_t r = 0; r < rounds; r++)
    for (int i = 0; i < N; i++)
      for (int k = 0; k < N; k++) {
        double s = 0;
        for (int j = 0; j < N; j++) s += a[i][j] * b[j][k];
        c[i][k] = s;
      }
  double t = 0;
  for (int i = 0; i < N; i++) t += c[i][i];
  return (uint32_t)(int32_t)t;
}
__attribute__((export_name("_start"))) void start(void) {}
