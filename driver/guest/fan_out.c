// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one upcall costs when many ports are open, and several pend at once.
 *   fan_out PORTS ACTIVE ROUNDS [PRIORITY]
 * opens PORTS event channels of this domain with itself, binds ACTIVE of them, spread over their numbers, to a handler, and
 * ROUNDS times makes all of these pend before it lets the upcall in. With PRIORITY (FIFO: 0 highest, 15 lowest, 7 unless
 * told; 16: unless told) the active port with the highest number, which is sent to last, gets it. Prints what an event takes and after how
 * long that last port's handler runs.
 */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/vmalloc.h>
#include <xen/xen-ops.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/guest/ports.h"

#define ACTIVE_MAX 256

static unsigned int handled;
static u64 last_ran, urgent_ran;
static int urgent_irq;

static irqreturn_t fan_out_event(int irq, void *data)
{
	handled++;
	last_ran = ktime_get_ns();
	if (irq == urgent_irq)
		urgent_ran = last_ran;
	return IRQ_HANDLED;
}

static int bind(evtchn_port_t port, evtchn_port_t *sender)
{
	int rc = port_connect(port, sender);

	return rc ? rc : bind_evtchn_to_irqhandler(port, fan_out_event, 0, "fan-out", &handled);
}

static int give_priority(evtchn_port_t port, unsigned int priority)
{
	struct evtchn_set_priority set = { .port = port, .priority = priority };

	return HYPERVISOR_event_channel_op(EVTCHNOP_set_priority, &set);
}

static int rounds(evtchn_port_t *senders, unsigned int active, unsigned int count)
{
	u64 all = 0, urgent = 0, start;
	unsigned long flags;
	unsigned int i, n;

	for (n = 0; n < count; n++) {
		handled = 0;
		local_irq_save(flags);
		for (i = 0; i < active; i++)
			notify_remote_via_evtchn(senders[i]);
		start = ktime_get_ns();
		local_irq_restore(flags);
		if (handled != active) {
			pr_err("fan_out: %u of %u handled\n", handled, active);
			return -EPROTO;
		}
		all += last_ran - start;
		urgent += urgent_ran - start;
	}
	pr_info("fan_out: an event takes %llu ns, the last one sent runs after %llu ns\n", all / count / active, urgent / count);
	return 0;
}

static int fan_out(int argc, char **argv)
{
	static evtchn_port_t active_ports[ACTIVE_MAX], senders[ACTIVE_MAX];
	static int irqs[ACTIVE_MAX];
	unsigned int ports, active, count, priority = EVTCHN_FIFO_MAX_QUEUES, i, next = 0;
	evtchn_port_t port, *opened;
	int rc = 0;

	if (argc < 4 || kstrtouint(argv[1], 0, &ports) || kstrtouint(argv[2], 0, &active) || kstrtouint(argv[3], 0, &count) ||
	    (argc > 4 && kstrtouint(argv[4], 0, &priority)) || !active || active > ACTIVE_MAX || ports < 2 * active || !count)
		return -EINVAL;
	opened = vzalloc(ports * sizeof(*opened));
	if (!opened)
		return -ENOMEM;
	/* The other ends of the active ones make up the number. */
	for (i = 0; i < ports - active && !rc; i++) {
		rc = port_alloc(&port);
		opened[i] = port;
	}
	if (rc)
		pr_err("fan_out: port %u of %u: %d\n", i, ports, rc);
	for (i = 0; i < active && !rc; i++) {
		/* The last of them has the highest number. */
		active_ports[i] = opened[(u64)(ports - active - 1) * (i + 1) / active];
		irqs[i] = bind(active_ports[i], &senders[i]);
		if (irqs[i] < 0)
			rc = irqs[i];
	}
	urgent_irq = irqs[active - 1];
	if (!rc && priority < EVTCHN_FIFO_MAX_QUEUES)
		rc = give_priority(active_ports[active - 1], priority);
	if (!rc)
		rc = rounds(senders, active, count);
	for (i = 0; i < active && irqs[i] > 0; i++) {
		unbind_from_irqhandler(irqs[i], &handled);	/* closes the port */
		port_close(senders[i]);
	}
	for (i = 0; i < ports - active && opened[i]; i++) {
		if (next < active && opened[i] == active_ports[next])
			next++;
		else
			port_close(opened[i]);
	}
	vfree(opened);
	return rc;
}

EMUL_REGISTER("fan_out", EMUL_CALLABLE, fan_out);
