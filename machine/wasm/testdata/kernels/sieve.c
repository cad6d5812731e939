// Counts primes below 1 MiB, rounds times.
#include <stdint.h>
static uint8_t mark[1 << 20];
__attribute__((export_name("run"))) uint32_t run(uint32_t rounds) {
  uint32_t total = 0;
  for (uint32_t r = 0; r < rounds; r++) {
    for (uint32_t i = 0; i < sizeof mark; i++) mark[i] = 1;
    for (uint32_t i = 2; i * i < sizeof mark; i++)
      if (mark[i])
        for (uint32_t k = i * i; k < sizeof mark; k += i) mark[k] = 0;
    for (uint32_t i = 2; i < sizeof mark; i++) total += mark[i];
  }
  return total;
}
__attribute__((export_name("_start"))) void start(void) {}
