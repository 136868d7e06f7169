// SPDX-License-Identifier: GPL-2.0-only
/*
 * The C library of guest user space, as far as the programs in the image reach: compiled against the host's own
 * headers, as they are. System calls go to driver/env/chrdev.c and from there to the drivers' file operations.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern long emul_open(const char *path, int flags);
extern long emul_close(int fd);
extern long emul_read(int fd, char *buffer, unsigned long length);
extern long emul_write(int fd, const char *buffer, unsigned long length);
extern long emul_ioctl(int fd, unsigned int command, unsigned long argument);
extern void emul_user_stdout(const char *text, unsigned long length);
extern int emul_user_format(char *buffer, unsigned long size, const char *format, va_list args);
extern void *__kmalloc(unsigned long size, unsigned int flags);
extern void kfree(const void *p);

static int error_number;
int *__errno_location(void) { return &error_number; }

static long result(long value)
{
	if (value >= -4095 && value < 0) {
		error_number = -value;
		return -1;
	}
	return value;
}

int open(const char *path, int flags, ...) { return result(emul_open(path, flags)); }
int close(int fd) { return result(emul_close(fd)); }

long read(int fd, void *buffer, unsigned long length) { return result(emul_read(fd, buffer, length)); }
long write(int fd, const void *buffer, unsigned long length) { return result(emul_write(fd, buffer, length)); }

int ioctl(int fd, unsigned long command, ...)
{
	unsigned long argument;
	va_list args;

	va_start(args, command);
	argument = va_arg(args, unsigned long);
	va_end(args);
	return result(emul_ioctl(fd, command, argument));
}

/* Streams: the program's standard output and error are one recorded text. */
static char stream;
FILE *stdout = (FILE *)&stream, *stderr = (FILE *)&stream;

int vfprintf(FILE *file, const char *format, va_list args)
{
	char text[512];
	int length = emul_user_format(text, sizeof(text), format, args);

	if (length >= (int)sizeof(text))
		length = sizeof(text) - 1;
	emul_user_stdout(text, length);
	return length;
}

int fprintf(FILE *file, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vfprintf(file, format, args);
	va_end(args);
	return length;
}

int printf(const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vfprintf(stdout, format, args);
	va_end(args);
	return length;
}

int puts(const char *text) { return printf("%s\n", text); }
int putchar(int c) { char t = c; emul_user_stdout(&t, 1); return c; }
int fputc(int c, FILE *file) { return putchar(c); }
int fputs(const char *text, FILE *file) { emul_user_stdout(text, strlen(text)); return 1; }
unsigned long fwrite(const void *data, unsigned long size, unsigned long n, FILE *file)
{
	emul_user_stdout(data, size * n);
	return n;
}
int fflush(FILE *file) { return 0; }
void perror(const char *text) { printf("%s: error %d\n", text, error_number); }

void *calloc(unsigned long n, unsigned long size) { return __kmalloc(n * size, 0xdc0); /* GFP_KERNEL | __GFP_ZERO */ }
void free(void *p) { kfree(p); }

long strtol(const char *text, char **end, int base)
{
	long value = 0;
	int negative = 0;

	while (*text == ' ')
		text++;
	if (*text == '-' || *text == '+')
		negative = *text++ == '-';
	if (base == 0 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		base = 16, text += 2;
	else if (base == 0)
		base = 10;
	for (;; text++) {
		int digit = *text >= '0' && *text <= '9' ? *text - '0' :
			    *text >= 'a' && *text <= 'f' ? *text - 'a' + 10 : 99;

		if (digit >= base)
			break;
		value = value * base + digit;
	}
	if (end)
		*end = (char *)text;
	return negative ? -value : value;
}
unsigned long strtoul(const char *text, char **end, int base) { return strtol(text, end, base); }
int atoi(const char *text) { return strtol(text, NULL, 10); }

char *optarg;
int optind = 1, opterr = 1, optopt;

int getopt(int argc, char *const argv[], const char *options)
{
	static int at;
	const char *known;
	int c;

	if (optind == 0 || (optind == 1 && !at))
		optind = 1, at = 0;
	if (!at) {
		if (optind >= argc || argv[optind][0] != '-' || !argv[optind][1])
			return -1;
		at = 1;
	}
	c = argv[optind][at++];
	known = strchr(options, c);
	if (!known || c == ':') {
		optopt = c;
		if (!argv[optind][at])
			optind++, at = 0;
		return '?';
	}
	if (known[1] == ':') {
		if (argv[optind][at]) {
			optarg = argv[optind] + at;
		} else if (optind + 1 < argc) {
			optarg = argv[++optind];
		} else {
			optopt = c;
			optind++, at = 0;
			return '?';
		}
		optind++, at = 0;
	} else if (!argv[optind][at]) {
		optind++, at = 0;
	}
	return c;
}

static void *exit_frame[5];
static int exit_code;

void exit(int code)
{
	exit_code = code;
	__builtin_longjmp(exit_frame, 1);
}

int user_run(int (*program)(int, char **), int argc, char **argv)
{
	optind = 1;
	if (__builtin_setjmp(exit_frame))
		return exit_code & 0xff;
	return program(argc, argv) & 0xff;
}
