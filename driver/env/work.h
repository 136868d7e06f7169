/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Things in the image that a scenario can start by name. A program is a C `main` that sees user-space headers only
 * (driver/user); a callable is kernel C, for example a hostile driver.
 */
#ifndef PVPCI_DRIVER_ENV_WORK_H
#define PVPCI_DRIVER_ENV_WORK_H

enum { EMUL_PROGRAM = 1, EMUL_CALLABLE = 2 };

struct emul_function {
	const char *name;
	unsigned int kind;
	unsigned int reserved;
	int (*main)(int argc, char **argv);
	void *padding;
};

#define EMUL_REGISTER(name_, kind_, main_)					\
	static const struct emul_function emul_function_##main_			\
		__attribute__((used, section("emul_functions"))) =		\
		{ name_, kind_, 0, main_, 0 }

int emul_run_program(const struct emul_function *program, int argc, char **argv);

#endif /* PVPCI_DRIVER_ENV_WORK_H */
