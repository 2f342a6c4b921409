/*
 * ISA-L's Reed-Solomon for bench/erasure.ts: isal encode|reconstruct K N BYTES SECONDS codes one stripe of N shards
 * again and again for about SECONDS of CPU time, and prints MB of data per CPU second. reconstruct loses as many data
 * shards as the code allows.
 */
#include <isa-l.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double cpu_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  int rebuild = strcmp(argv[1], "reconstruct") == 0;
  int k = atoi(argv[2]), n = atoi(argv[3]), bytes = atoi(argv[4]);
  double seconds = atof(argv[5]);
  if (k < 1 || n <= k || n > 255 || bytes < 1) return 2;
  int lost = n - k < k ? n - k : k;
  int outputs = rebuild ? lost : n - k;

  unsigned char *matrix = malloc((size_t)n * k), *survivors = malloc((size_t)k * k), *inverse = malloc((size_t)k * k);
  unsigned char *tables = malloc((size_t)32 * k * (n - k));
  unsigned char *shards[255], *sources[255], *targets[255];
  if (!matrix || !survivors || !inverse || !tables) return 1;
  for (int i = 0; i < n; i++) {
    void *memory;
    if (posix_memalign(&memory, 64, (size_t)bytes)) return 1;
    shards[i] = memory;
    for (int at = 0; at < bytes; at++) shards[i][at] = (unsigned char)(i * 31 + at * 7 + (at >> 8));
  }

  gf_gen_cauchy1_matrix(matrix, n, k);
  unsigned char *parity = matrix + (size_t)k * k;
  ec_init_tables(k, n - k, parity, tables);
  ec_encode_data(bytes, k, n - k, tables, shards, shards + k);
  unsigned char *expected = malloc((size_t)bytes);
  if (!expected) return 1;
  memcpy(expected, shards[0], (size_t)bytes);

  for (int i = 0; i < k; i++) {
    sources[i] = rebuild ? shards[i + lost] : shards[i];
    memcpy(survivors + (size_t)i * k, matrix + (size_t)(rebuild ? i + lost : i) * k, (size_t)k);
  }
  for (int i = 0; i < outputs; i++) targets[i] = rebuild ? shards[i] : shards[k + i];
  if (rebuild) {
    if (gf_invert_matrix(survivors, inverse, k)) return 1;
    ec_init_tables(k, outputs, inverse, tables);
    memset(shards[0], 0, (size_t)bytes);
  }

  long stripes = 0;
  double start = cpu_seconds(), used = 0;
  while (used < seconds) {
    for (int i = 0; i < 16; i++) ec_encode_data(bytes, k, outputs, tables, sources, targets);
    stripes += 16;
    used = cpu_seconds() - start;
  }
  if (memcmp(shards[0], expected, (size_t)bytes)) return 1;
  printf("%.3f\n", (double)stripes * k * bytes / used / 1e6);
  return 0;
}
