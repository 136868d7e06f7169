// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 09:
 *   row09_bind_events PAIRS: as many event channels from this domain to itself, an irq at each end, all of them tried.
 *   row09_collision GSI: the irq number that equals GSI is an event's, the GSI has another one, and all events work.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/xen/hypercall.h>
#include <xen/events.h>
#include <xen/interface/event_channel.h>
#include <xen/xen.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

#define MOST 32
static struct end {
	evtchn_port_t port;
	int irq;
	unsigned int seen;
} ends[MOST];
static unsigned int count;

static irqreturn_t on_event(int irq, void *data)
{
	struct end *end = data;

	end->seen++;
	return IRQ_HANDLED;
}

static int bind(evtchn_port_t port)
{
	struct end *end = &ends[count];

	end->port = port;
	end->irq = bind_evtchn_to_irqhandler(port, on_event, 0, "row09", end);
	if (end->irq < 0)
		return end->irq;
	count++;
	return 0;
}

static int bind_pair(void)
{
	struct evtchn_alloc_unbound offer = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain take = { .remote_dom = DOMID_SELF };
	int rc;

	rc = HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &offer);
	if (rc)
		return rc;
	take.remote_port = offer.port;
	rc = HYPERVISOR_event_channel_op(EVTCHNOP_bind_interdomain, &take);
	if (rc)
		return rc;
	rc = bind(offer.port);
	return rc ? rc : bind(take.local_port);
}

/* An event to each end from its other end arrives exactly there, once. */
static int try_all(void)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		unsigned int before = ends[i].seen;

		notify_remote_via_evtchn(ends[i ^ 1].port);
		udelay(50);
		if (ends[i].seen == before + 1)
			continue;
		pr_err("row09: port %u was to fire once, fired %u times\n", ends[i].port, ends[i].seen - before);
		return -EIO;
	}
	return 0;
}

static int row09_bind_events(int argc, char **argv)
{
	unsigned int pairs;

	if (argc < 2 || kstrtouint(argv[1], 0, &pairs) || pairs > MOST / 2)
		return -EINVAL;
	while (count < pairs * 2) {
		int rc = bind_pair();

		if (rc)
			return rc;
	}
	udelay(50);	/* the binding itself sets the taker's end pending (abi.md S10) */
	return try_all();
}

static int row09_collision(int argc, char **argv)
{
	unsigned int gsi, i;
	int irq;

	if (argc < 2 || kstrtouint(argv[1], 0, &gsi))
		return -EINVAL;
	irq = xen_irq_from_gsi(gsi);
	if (irq < 0)
		return -ENXIO;
	for (i = 0; i < count; i++)
		if (ends[i].irq == gsi)
			break;
	if (i == count || irq == gsi) {
		pr_err("row09: irq %u is no event's, or the gsi's own: the gsi has irq %d\n", gsi, irq);
		return -EALREADY;
	}
	return try_all();
}

EMUL_REGISTER("row09_bind_events", EMUL_CALLABLE, row09_bind_events);
EMUL_REGISTER("row09_collision", EMUL_CALLABLE, row09_collision);
