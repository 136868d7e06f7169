// SPDX-License-Identifier: GPL-2.0-only
/* The first and only program of user-mode Linux: says that it runs, sleeps COUNT times for a millisecond, and ends it. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const struct timespec millisecond = {0, 1000000};
	long count = argc > 1 ? atol(argv[1]) : 0;

	close(open("/started", O_CREAT | O_WRONLY, 0600));
	while (count-- > 0)
		nanosleep(&millisecond, NULL);
	reboot(RB_POWER_OFF);
	return 1;
}
