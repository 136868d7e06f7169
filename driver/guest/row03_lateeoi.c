// SPDX-License-Identifier: GPL-2.0-only
/*
 * The late EOI of backends, its throttle, and the limit of the event loop (abi.md 3.7):
 *   lateeoi kick N MS      this frontend kicks pciback N times, MS milliseconds apart, and asks for nothing
 *   lateeoi throttle N     N spurious events on a late-EOI port of our own; prints after how many jiffies each is unmasked
 *   lateeoi flood          more events in one upcall than its two jiffies take: late EOIs are put off ten jiffies
 *   lateeoi free           a port is unbound while its EOI is put off
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/string.h>
#include <xen/xenbus.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/guest/ports.h"

static evtchn_port_t port, sender;
static unsigned int handled;
static u64 handled_at;
static bool answer;	/* the handler gives its EOI itself */

static irqreturn_t lateeoi_event(int irq, void *data)
{
	handled++;
	handled_at = get_jiffies_64();
	if (answer)
		xen_irq_lateeoi(irq, XEN_EOI_FLAG_SPURIOUS);
	return IRQ_HANDLED;
}

static int kick(unsigned int count, unsigned int ms)
{
	evtchn_port_t ring;
	int rc = xenbus_scanf(XBT_NIL, "device/pci/0", "event-channel", "%u", &ring);

	if (rc != 1)
		return rc < 0 ? rc : -EINVAL;
	for (; count; count--) {
		notify_remote_via_evtchn(ring);
		msleep(ms);
	}
	return 0;
}

static int open_port(void)
{
	int irq, rc = port_pair(&port, &sender);

	if (rc)
		return rc;
	irq = bind_evtchn_to_irqhandler_lateeoi(port, lateeoi_event, IRQF_NOBALANCING, "lateeoi", &port);
	if (irq > 0)
		irq_set_affinity(irq, cpumask_of(0));
	handled = 0;
	return irq;
}

static void close_port(int irq)
{
	unbind_from_irqhandler(irq, &port);
	port_close(sender);
}

/*
 * Each event is sent when the one before has been answered as spurious, and waits at the masked port until the kernel
 * gives the EOI: the jiffies between are the throttle.
 */
static int throttle(unsigned int count)
{
	int irq = open_port(), i, tries;
	char text[120] = "";

	if (irq < 0)
		return irq;
	answer = true;
	for (i = 0; i <= count; i++) {
		u64 sent = get_jiffies_64();
		unsigned int before = handled;

		notify_remote_via_evtchn(sender);
		for (tries = 0; handled == before && tries < 10000; tries++)
			usleep_range(100, 100);
		if (handled == before)
			return -ETIME;
		if (i)	/* the first comes at once */
			snprintf(text + strlen(text), sizeof(text) - strlen(text), " %llu", handled_at - sent);
	}
	pr_info("lateeoi: jiffies to each EOI:%s\n", text);
	answer = false;
	close_port(irq);
	return 0;
}

#define FLOOD_ROUNDS 1200

/* The late-EOI ports of the flood: each gets an event in its round, long after the two jiffies of the loop. */
static struct late {
	unsigned int when;
	evtchn_port_t port, sender;
	int irq;
	unsigned int handled, round;
	u64 first, second;	/* jiffies */
} late[2] = { { .when = 900 }, { .when = 1100 } };
static unsigned int rounds;
static evtchn_port_t flood_end[2], flood_sender[2];

/* Keeps the loop of xen_evtchn_do_upcall() busy: each handler sends the other port its next event. */
static irqreturn_t flood_event(int irq, void *data)
{
	long which = (long)data - 1;
	int i;

	udelay(40);
	rounds++;
	for (i = 0; i < ARRAY_SIZE(late); i++)
		if (late[i].when == rounds)
			notify_remote_via_evtchn(late[i].sender);
	if (rounds < FLOOD_ROUNDS)
		notify_remote_via_evtchn(flood_sender[!which]);
	return IRQ_HANDLED;
}

static irqreturn_t late_event(int irq, void *data)
{
	struct late *me = data;

	if (me->handled++) {
		me->second = get_jiffies_64();
		return IRQ_HANDLED;
	}
	me->round = rounds;
	me->first = get_jiffies_64();
	xen_irq_lateeoi(irq, 0);	/* not spurious */
	notify_remote_via_evtchn(me->sender);	/* pends until the EOI */
	return IRQ_HANDLED;
}

static int flood(void)
{
	int irq[2], i, rc = 0;

	for (i = 0; i < 2 && !rc; i++)
		rc = port_pair(&flood_end[i], &flood_sender[i]);
	for (i = 0; i < ARRAY_SIZE(late) && !rc; i++)
		rc = port_pair(&late[i].port, &late[i].sender);
	if (rc)
		return rc;
	for (i = 0; i < ARRAY_SIZE(late); i++) {
		late[i].irq = bind_evtchn_to_irqhandler_lateeoi(late[i].port, late_event, IRQF_NOBALANCING, "late", &late[i]);
		irq_set_affinity(late[i].irq, cpumask_of(0));
	}
	for (i = 0; i < 2; i++) {
		irq[i] = bind_evtchn_to_irqhandler(flood_end[i], flood_event, IRQF_NOBALANCING, "flood", (void *)(i + 1L));
		irq_set_affinity(irq[i], cpumask_of(0));
	}
	rounds = 0;
	notify_remote_via_evtchn(flood_sender[0]);
	for (i = 0; i < 1000 && (late[0].handled < 2 || late[1].handled < 2); i++)
		usleep_range(1000, 1000);
	for (i = 0; i < ARRAY_SIZE(late); i++) {
		struct late *me = &late[i];

		pr_info("lateeoi: the EOI given in round %u of %u came %llu jiffies later\n", me->round, rounds,
			me->second - me->first);
		if (me->handled == 2)
			xen_irq_lateeoi(me->irq, 0);
		else
			rc = -ETIME;
		unbind_from_irqhandler(me->irq, me);
		port_close(me->sender);
	}
	for (i = 0; i < 2; i++) {
		unbind_from_irqhandler(irq[i], (void *)(i + 1L));
		port_close(flood_sender[i]);
	}
	return rc;
}

static int free_delayed(void)
{
	int irq = open_port();

	if (irq < 0)
		return irq;
	answer = true;
	notify_remote_via_evtchn(sender);
	usleep_range(100, 100);
	notify_remote_via_evtchn(sender);	/* the second in a row: put off */
	usleep_range(100, 100);
	answer = false;
	if (handled != 2)
		return -ETIME;
	close_port(irq);
	msleep(20);	/* the worker finds an empty list */
	xen_irq_lateeoi(irq, 0);	/* of an irq that is gone: nothing */
	return 0;
}

static int lateeoi_main(int argc, char **argv)
{
	unsigned int count = 0, ms = 0;

	if (argc > 2 && kstrtouint(argv[2], 0, &count))
		return -EINVAL;
	if (argc > 3 && kstrtouint(argv[3], 0, &ms))
		return -EINVAL;
	if (argc > 1 && !strcmp(argv[1], "kick"))
		return kick(count, ms);
	if (argc > 1 && !strcmp(argv[1], "throttle"))
		return throttle(count);
	if (argc > 1 && !strcmp(argv[1], "flood"))
		return flood();
	if (argc > 1 && !strcmp(argv[1], "free"))
		return free_delayed();
	return -EINVAL;
}

EMUL_REGISTER("lateeoi", EMUL_CALLABLE, lateeoi_main);
