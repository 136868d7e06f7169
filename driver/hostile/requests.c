// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests on the ring of a hostile PCI frontend (row20_publish), one by one; the device is 0000:00:00.0.
 *   request CMD OFFSET SIZE VALUE     returns the answer's error, or what was read
 *   request_burst CMD VALUE COUNT     the same request over and over; returns how many were refused
 *   request_turn VALUE OTHER COUNT NS   enables MSI-X for VALUE vectors and turns the number into OTHER after 0, NS, 2 NS
 *                                     ... nanoseconds, whatever the backend does with it then; after each answer disables it
 *   request_kick COUNT US             so many events without a request, US microseconds apart
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/hostile/ring.h"

static struct xen_pci_op *compose(u32 cmd, s32 offset, s32 size, u32 value)
{
	struct xen_pci_op *op = &hostile_ring->op;
	int i;

	memset(op, 0, sizeof(*op));
	op->cmd = cmd;
	op->offset = offset;
	op->size = size;
	op->value = value;
	for (i = 0; i < SH_INFO_MAX_VEC; i++)
		op->msix_entries[i].entry = i;
	return op;
}

static void send(void)
{
	wmb();
	set_bit(_XEN_PCIF_active, (unsigned long *)&hostile_ring->flags);
	notify_remote_via_evtchn(hostile_port);
}

static bool active(void)
{
	return test_bit(_XEN_PCIF_active, (unsigned long *)&hostile_ring->flags);
}

static int answer(void)
{
	int tries;

	for (tries = 0; active(); tries++) {
		if (tries == 50000)
			return -ETIMEDOUT;
		usleep_range(20, 40);
	}
	return hostile_ring->op.err;
}

static int request(int argc, char **argv)
{
	struct xen_pci_op *op;
	u32 cmd, size, value;
	int offset, rc;

	if (argc != 5 || !hostile_ring || kstrtouint(argv[1], 0, &cmd) || kstrtoint(argv[2], 0, &offset) ||
	    kstrtouint(argv[3], 0, &size) || kstrtouint(argv[4], 0, &value))
		return -EINVAL;
	op = compose(cmd, offset, size, value);
	send();
	rc = answer();
	return rc || cmd != XEN_PCI_OP_conf_read ? rc : op->value & INT_MAX;
}

EMUL_REGISTER("request", EMUL_CALLABLE, request);

static int burst(int argc, char **argv)
{
	u32 cmd, value, count, refused = 0;

	if (argc != 4 || !hostile_ring || kstrtouint(argv[1], 0, &cmd) || kstrtouint(argv[2], 0, &value) ||
	    kstrtouint(argv[3], 0, &count))
		return -EINVAL;
	for (; count; count--) {
		compose(cmd, 0, 0, value);
		send();
		refused += answer() != 0;
	}
	return refused;
}

EMUL_REGISTER("request_burst", EMUL_CALLABLE, burst);

static void spin_ps(u64 ps)
{
	u64 end = emul_now_ps() + ps;

	while (emul_now_ps() < end)
		cpu_relax();
}

static int turn(int argc, char **argv)
{
	u32 value, other, count, step, i;

	if (argc != 5 || !hostile_ring || kstrtouint(argv[1], 0, &value) || kstrtouint(argv[2], 0, &other) ||
	    kstrtouint(argv[3], 0, &count) || kstrtouint(argv[4], 0, &step))
		return -EINVAL;
	for (i = 0; i < count; i++) {
		compose(XEN_PCI_OP_enable_msix, 0, 0, value);
		send();
		spin_ps((u64)i * step * 1000);
		WRITE_ONCE(hostile_ring->op.value, other);
		if (answer() == -ETIMEDOUT)
			return -ETIMEDOUT;
		compose(XEN_PCI_OP_disable_msix, 0, 0, 0);
		send();
		answer();
	}
	return 0;
}

EMUL_REGISTER("request_turn", EMUL_CALLABLE, turn);

static int kick_port(int argc, char **argv)
{
	u32 count, us;

	if (argc != 3 || !hostile_ring || kstrtouint(argv[1], 0, &count) || kstrtouint(argv[2], 0, &us))
		return -EINVAL;
	for (; count; count--) {
		notify_remote_via_evtchn(hostile_port);
		usleep_range(us, us);
	}
	return 0;
}

EMUL_REGISTER("request_kick", EMUL_CALLABLE, kick_port);
