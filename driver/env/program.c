// SPDX-License-Identifier: GPL-2.0-only
/* Runs one user program of the image: exit() comes back here. */
#include <linux/kernel.h>
#include <linux/stdarg.h>

#include "emul.h"
#include "work.h"

int emul_run_program(const struct emul_function *program, int argc, char **argv)
{
	extern int user_run(int (*main)(int, char **), int argc, char **argv);

	EMUL("user programs run on a task of their own, on the kernel's file operations");
	return user_run(program->main, argc, argv);
}

void emul_user_stdout(const char *text, unsigned long length)
{
	emul_call(SEAM_USER, SEAM_USER_STDOUT, text, length, 0);
}

int emul_user_format(char *buffer, unsigned long size, const char *format, va_list args)
{
	return vsnprintf(buffer, size, format, args);
}
