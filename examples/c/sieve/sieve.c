/* Sieve counts the primes up to a limit: a C program without a line about assay.
 *
 *   assay run ./examples/c/sieve              up to 1,000,000
 *   assay run ./examples/c/sieve -- 50000000
 *
 * It prints how many there are, the last of them and a sum that depends on
 * all. build.sh makes sieve.wasm of it, which is committed beside it, so that
 * running the example needs no C compiler. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
	char *end = "";
	long long limit = argc > 1 ? strtoll(argv[1], &end, 10) : 1000000;
	if (*end || limit < 2 || limit > 1000000000) {
		fprintf(stderr, "usage: sieve [limit], 2 to 1000000000\n");
		return 2;
	}
	/* One byte for each odd number: place i stands for 2i+1. */
	size_t n = (size_t)(limit + 1) / 2;
	uint8_t *composite = calloc(n, 1);
	if (!composite) {
		fprintf(stderr, "sieve: no memory for %zu numbers\n", n);
		return 1;
	}
	for (size_t i = 1; (2 * i + 1) * (2 * i + 1) <= (size_t)limit; i++) {
		if (composite[i])
			continue;
		for (size_t j = 2 * i * (i + 1); j < n; j += 2 * i + 1)
			composite[j] = 1;
	}
	uint64_t count = 1, last = 2, sum = 2;
	for (size_t i = 1; i < n; i++) {
		if (composite[i])
			continue;
		last = 2 * (uint64_t)i + 1;
		count++;
		sum = sum * 31 + last;
	}
	printf("primes up to %lld: %llu\n", limit, (unsigned long long)count);
	printf("last prime: %llu\n", (unsigned long long)last);
	printf("mixed sum: %016llx\n", (unsigned long long)sum);
	free(composite);
	return 0;
}
