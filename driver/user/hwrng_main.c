// SPDX-License-Identifier: GPL-2.0-only
/*
 * hwrng [BYTES]: reads /dev/hwrng as a daemon that feeds entropy does; prints how much came and how varied it was.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "driver/env/work.h"

#define MOST 4096

static int hwrng_main(int argc, char **argv)
{
	static unsigned char bytes[MOST];
	static unsigned char seen[256];
	int wanted = argc > 1 ? atoi(argv[1]) : 64;
	int fd = open("/dev/hwrng", O_RDONLY);
	int got, different = 0, i;

	if (fd < 0) {
		perror("hwrng: /dev/hwrng");
		return 1;
	}
	if (wanted > MOST)
		wanted = MOST;
	got = read(fd, bytes, wanted);
	close(fd);
	if (got < 0) {
		perror("hwrng: read");
		return 1;
	}
	for (i = 0; i < 256; i++)
		seen[i] = 0;
	for (i = 0; i < got; i++)
		different += !seen[bytes[i]]++;
	printf("read %d bytes, %d different\n", got, different);
	for (i = 0; i < got && i < 16; i++)
		printf("%02x", bytes[i]);
	printf("\n");
	return got == wanted ? 0 : 1;
}

EMUL_REGISTER("hwrng", EMUL_PROGRAM, hwrng_main);
