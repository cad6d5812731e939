// A C program on wasi-libc: arguments, environment, streams, files, the clock,
// and floating point in printf. files.wasm is this file compiled by
//
//	clang --target=wasm32-wasi -O2 -Wl,--strip-all -o files.wasm files.c
//
// with clang 14.0.6, lld 14.0.6 and wasi-libc 20220510 of Debian 12. It contains parts of wasi-libc and
// musl (MIT licence).
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static FILE *must_open(const char *path, const char *mode) {
	FILE *f = fopen(path, mode);
	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(9);
	}
	return f;
}

int main(int argc, char **argv) {
	for (int i = 0; i < argc; i++)
		printf("argument %d: %s\n", i, argv[i]);
	printf("GREETING=%s\n", getenv("GREETING"));

	char line[80];
	while (fgets(line, sizeof line, stdin))
		printf("stdin: %s", line);

	time_t now = time(NULL);
	struct tm *utc = gmtime(&now);
	strftime(line, sizeof line, "%Y-%m-%d %H:%M:%S", utc);
	printf("time: %s\n", line);

	FILE *in = must_open("/in/data/numbers.txt", "r");
	double sum = 0, x;
	int n = 0;
	while (fscanf(in, "%lf", &x) == 1) {
		sum += x;
		n++;
	}
	fclose(in);
	printf("%d numbers, sum %.6f, mean %g\n", n, sum, sum / n);

	// A binary copy in blocks, from the end to the beginning.
	in = must_open("/in/data/block.bin", "rb");
	fseek(in, 0, SEEK_END);
	long size = ftell(in);
	mkdir("/out/copies", 0777);
	FILE *out = must_open("/out/copies/reversed.bin", "wb");
	unsigned char *block = malloc(4096);
	for (long at = size; at > 0;) {
		long take = at < 4096 ? at : 4096;
		at -= take;
		fseek(in, at, SEEK_SET);
		if (fread(block, 1, take, in) != (size_t)take)
			return 8;
		for (long i = 0; i < take / 2; i++) {
			unsigned char t = block[i];
			block[i] = block[take - 1 - i];
			block[take - 1 - i] = t;
		}
		if (fwrite(block, 1, take, out) != (size_t)take)
			return 7;
	}
	fclose(in);
	fclose(out);

	out = must_open("/out/log.txt", "a");
	fprintf(out, "copied %ld bytes\n", size);
	fclose(out);
	out = must_open("/out/log.txt", "r+");
	fseek(out, 0, SEEK_END);
	fputs("appended\n", out);
	rewind(out);
	fgets(line, sizeof line, out);
	printf("log: %s", line);
	fclose(out);

	struct stat st;
	stat("/out/copies/reversed.bin", &st);
	printf("stat: %lld bytes, changed %lld\n", (long long)st.st_size, (long long)st.st_mtime);
	DIR *dir = opendir("/in/data");
	for (struct dirent *e; (e = readdir(dir));)
		printf("entry: %s\n", e->d_name);
	closedir(dir);
	remove("/out/missing");
	printf("missing: %s\n", strerror(errno));
	printf("write to /in: %s\n", fopen("/in/x", "w") ? "opened" : strerror(errno));
	fprintf(stderr, "done\n");
	return 3;
}
