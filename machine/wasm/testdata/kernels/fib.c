// Recursion: calls and nothing else.
#include <stdint.h>
static uint32_t __attribute__((noinline)) fib(uint32_t n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
__attribute__((export_name("run"))) uint32_t run(uint32_t n) { return fib(n); }
__attribute__((export_name("_start"))) void start(void) {}
