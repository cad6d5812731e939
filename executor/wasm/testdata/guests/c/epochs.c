// An epoch program on wasi-libc: a table of numbers is stirred, an open file
// gets a line an epoch.
//
//   clang --target=wasm32-wasi -O2 -mexec-model=reactor -Wl,--strip-all -o epochs.wasm epochs.c
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t *cells;
static size_t size = 1 << 12;
static int epoch;
static FILE *log_file;

__attribute__((export_name("assay_init"))) void assay_init(void) {
  cells = calloc(size, sizeof *cells);
  for (size_t i = 0; i < size; i++) cells[i] = i * 2654435761u;
  log_file = fopen("/out/log.txt", "w");
}

__attribute__((export_name("assay_step"))) int assay_step(void) {
  if (epoch == 6) return 0;
  epoch++;
  size *= 2;
  cells = realloc(cells, size * sizeof *cells);
  for (size_t i = size / 2; i < size; i++) cells[i] = cells[i - size / 2] ^ epoch;
  for (size_t i = 1; i < size; i++) cells[i] = cells[i] * 31 + cells[i - 1];
  fprintf(log_file, "epoch %d: %u of %zu\n", epoch, cells[size - 1], size);
  return 1;
}

__attribute__((export_name("assay_finish"))) void assay_finish(void) {
  fclose(log_file);
  printf("%d epochs, last %u\n", epoch, cells[size - 1]);
}
