// SPDX-License-Identifier: GPL-2.0-only
/* Row 19: xenbus_strstate of every state, through the original. */
#include <linux/printk.h>
#include <linux/string.h>
#include <xen/xenbus.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

/* The names of states 0 to 8, and of a number that is no state: 0, or the number of the first that is wrong, negative. */
static int row19_strstate(int argc, char **argv)
{
	static const char *const names[] = {
		"Unknown", "Initialising", "InitWait", "Initialised", "Connected", "Closing", "Closed",
		"Reconfiguring", "Reconfigured", "INVALID",
	};
	int state;

	for (state = 0; state < ARRAY_SIZE(names); state++) {
		const char *name = xenbus_strstate(state);

		if (strcmp(name, names[state])) {
			pr_err("row19: state %d is %s, not %s\n", state, name, names[state]);
			return -1 - state;
		}
	}
	return 0;
}

EMUL_REGISTER("row19_strstate", EMUL_CALLABLE, row19_strstate);
