// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a watchdog daemon does, one piece at a time, on /dev/watchdog:
 *   watchdog arm SECONDS   opens (which starts it), sets the time, pings; closes without the magic letter: it runs on
 *   watchdog disarm        opens, says goodbye with the magic letter, closes: it stops
 *   watchdog status        prints why the machine last started, then as disarm
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/watchdog.h>

#include "driver/env/work.h"

static int arm(int fd, int seconds)
{
	if (ioctl(fd, WDIOC_SETTIMEOUT, &seconds) || ioctl(fd, WDIOC_KEEPALIVE, 0)) {
		perror("watchdog: ioctl");
		return 1;
	}
	printf("armed, %d s\n", seconds);
	return 0;
}

static int disarm(int fd, int say)
{
	int boot = 0;

	if (say) {
		if (ioctl(fd, WDIOC_GETBOOTSTATUS, &boot)) {
			perror("watchdog: ioctl");
			return 1;
		}
		printf("last start: %s\n", boot & WDIOF_CARDRESET ? "the watchdog's" : "not the watchdog's");
	}
	return write(fd, "V", 1) != 1;
}

static int watchdog_main(int argc, char **argv)
{
	int fd = open("/dev/watchdog", O_WRONLY);
	int code;

	if (fd < 0 || argc < 2) {
		perror("watchdog: /dev/watchdog");
		return 1;
	}
	code = !strcmp(argv[1], "arm") ? arm(fd, argc > 2 ? atoi(argv[2]) : 30) : disarm(fd, !strcmp(argv[1], "status"));
	close(fd);
	return code;
}

EMUL_REGISTER("watchdog", EMUL_PROGRAM, watchdog_main);
