// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports far apart, and what becomes of an irq's data after it is unbound (row 06):
 *   row06 rows          binds ports 1023, 1024, 2000 and 4095, sends to each, looks up ports that nobody bound
 *   row06 grace         unbinds inside an RCU read-side critical section: the data outlives it, and not for long
 *   row06 grace_remote  unbinds while another vCPU is in its upcall: the data outlives that upcall
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqnr.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <xen/xenbus.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/guest/ports.h"

#define LAST_PORT 4095	/* of the 2-level ABI */
#define SENDERS 4

extern bool xen_fifo_events;

static DECLARE_BITMAP(mine, LAST_PORT + 1);
static unsigned int handled;

static irqreturn_t row06_event(int irq, void *data)
{
	handled++;
	return IRQ_HANDLED;
}

static bool no_irq(evtchn_port_t port)
{
	if ((int)irq_from_evtchn(port) == -1)
		return true;
	pr_err("row06: port %u has irq %d, and nobody bound it\n", port, (int)irq_from_evtchn(port));
	return false;
}

/* True once the irq's descriptor, and with it its data, is gone. */
static bool freed(int irq)
{
	int tries;

	for (tries = 0; tries < 100; tries++) {
		if (!irq_to_desc(irq))
			return true;
		usleep_range(1000, 1000);
	}
	return false;
}

/* Binds `port`, sends one event to it. */
static int use(evtchn_port_t port, int *irq)
{
	evtchn_port_t sender;
	int rc;

	*irq = bind_evtchn_to_irqhandler(port, row06_event, 0, "row06", &handled);
	if (*irq < 0)
		return *irq;
	if (irq_from_evtchn(port) != *irq)
		return -ESTALE;
	rc = port_connect(port, &sender);
	if (rc)
		return rc;
	handled = 0;
	notify_remote_via_evtchn(sender);
	usleep_range(100, 100);
	port_close(sender);
	return handled == 1 ? 0 : -ETIME;
}

/* Pages that stay when `port` has been bound and unbound: rows of the map, and FIFO's event array. */
static long pages_kept(evtchn_port_t port)
{
	unsigned long before = emul_free_pages();
	int irq = bind_evtchn_to_irqhandler(port, row06_event, 0, "row06", &handled);
	evtchn_port_t again;

	if (irq < 0)
		return irq;
	unbind_from_irqhandler(irq, &handled);
	if (!freed(irq) || port_alloc(&again) || again != port)
		return -EPROTO;
	synchronize_rcu();
	return before - emul_free_pages();
}

static int rows(void)
{
	static const evtchn_port_t wanted[] = { 1023, 1024, 2000, LAST_PORT };
	/* 2-level: row 1 with port 1024, row 3 with 4095; FIFO: and array page 1, and pages 2 and 3. */
	static const long kept[2][ARRAY_SIZE(wanted)] = { { 0, 1, 0, 1 }, { 0, 2, 0, 3 } };
	static const evtchn_port_t unbound[] = { 1022, 1025, 1999, 2048, 3000, 4094, 200000 };
	int irqs[ARRAY_SIZE(wanted)], i, rc;
	evtchn_port_t port;

	do {
		rc = port_alloc(&port);
		if (rc)
			return rc;
		set_bit(port, mine);
	} while (port < LAST_PORT);
	/* The slab's own pages do not count: it has room for one more irq after this. */
	if (pages_kept(1023) < 0)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		long pages = no_irq(wanted[i]) ? pages_kept(wanted[i]) : -EPROTO;

		if (pages != kept[xen_fifo_events][i]) {
			pr_err("row06: port %u: %ld pages, not %ld\n", wanted[i], pages, kept[xen_fifo_events][i]);
			return -EPROTO;
		}
	}
	for (i = 0; i < SENDERS; i++)	/* the other ends */
		port_close(2010 + i);
	if ((int)irq_from_evtchn(xen_store_evtchn) < 0)
		return -ENOENT;
	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		rc = use(wanted[i], &irqs[i]);
		if (rc) {
			pr_err("row06: port %u: %d\n", wanted[i], rc);
			return rc;
		}
	}
	for (i = 0; i < ARRAY_SIZE(unbound); i++)
		if (!no_irq(unbound[i]))
			return -EPROTO;
	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		unbind_from_irqhandler(irqs[i], &handled);
		if (!no_irq(wanted[i]))
			return -EPROTO;
		clear_bit(wanted[i], mine);
	}
	for (i = 0; i < SENDERS; i++)
		clear_bit(2010 + i, mine);
	for_each_set_bit(port, mine, LAST_PORT + 1)
		if (port_close(port))
			return -EBADF;
	return 0;
}

static int grace(void)
{
	evtchn_port_t port;
	int irq, rc = port_alloc(&port);
	void *data;

	if (rc)
		return rc;
	irq = bind_evtchn_to_irqhandler(port, row06_event, 0, "row06", &handled);
	if (irq < 0)
		return irq;
	data = irq_get_chip_data(irq);
	rcu_read_lock();
	unbind_from_irqhandler(irq, &handled);
	if (!no_irq(port) || !irq_to_desc(irq) || irq_get_chip_data(irq) != data) {
		pr_err("row06: freed inside a read-side critical section\n");
		rc = -EPROTO;
	}
	rcu_read_unlock();
	synchronize_rcu();
	return rc ? rc : freed(irq) ? 0 : -ETIMEDOUT;
}

static int release_remote;
static int inside_on;

static irqreturn_t row06_stay(int irq, void *data)
{
	WRITE_ONCE(inside_on, smp_processor_id());
	while (!READ_ONCE(release_remote))
		udelay(1);
	return IRQ_HANDLED;
}

static int grace_remote(void)
{
	evtchn_port_t stay, sender, port;
	int stay_irq, irq, rc = 0;
	void *data;

	if (port_pair(&stay, &sender) || port_alloc(&port))
		return -ENOSPC;
	release_remote = inside_on = 0;
	stay_irq = bind_evtchn_to_irqhandler(stay, row06_stay, 0, "row06-stay", &handled);
	irq = bind_evtchn_to_irqhandler(port, row06_event, 0, "row06", &handled);
	if (stay_irq < 0 || irq < 0)
		return -ENOMEM;
	if (irq_set_affinity(stay_irq, cpumask_of(1)) || irq_set_affinity(irq, cpumask_of(1)))
		return -EXDEV;
	notify_remote_via_evtchn(sender);
	while (!READ_ONCE(inside_on))
		udelay(1);
	data = irq_get_chip_data(irq);
	unbind_from_irqhandler(irq, &handled);
	usleep_range(20000, 20000);	/* five ticks: time enough for a grace period that does not wait */
	if (!irq_to_desc(irq) || irq_get_chip_data(irq) != data) {
		pr_err("row06: freed while vCPU %d was in its upcall\n", inside_on);
		rc = -EPROTO;
	}
	WRITE_ONCE(release_remote, 1);
	if (!rc && !freed(irq))
		rc = -ETIMEDOUT;
	unbind_from_irqhandler(stay_irq, &handled);
	port_close(sender);
	return rc;
}

static int row06(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "rows"))
		return rows();
	if (argc == 2 && !strcmp(argv[1], "grace"))
		return grace();
	if (argc == 2 && !strcmp(argv[1], "grace_remote"))
		return grace_remote();
	return -EINVAL;
}

EMUL_REGISTER("row06", EMUL_CALLABLE, row06);
