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

static unsigned int rounds, late_round, late_handled;
static u64 late_jiffies, flood_jiffies;
static evtchn_port_t flood_end[2], flood_sender[2];
static int late_irq;

/* Keeps the loop of xen_evtchn_do_upcall() busy: each handler sends the other port its next event. */
static irqreturn_t flood_event(int irq, void *data)
{
	long which = (long)data - 1;

	udelay(40);
	if (++rounds == 900)
		notify_remote_via_evtchn(sender);	/* the late one, long after the two jiffies */
	if (rounds < 1000)
		notify_remote_via_evtchn(flood_sender[!which]);
	else
		flood_jiffies = get_jiffies_64();
	return IRQ_HANDLED;
}

static irqreturn_t late_event(int irq, void *data)
{
	if (late_handled++) {
		late_jiffies = get_jiffies_64();
		return IRQ_HANDLED;
	}
	late_round = rounds;
	late_jiffies = get_jiffies_64();
	xen_irq_lateeoi(irq, 0);	/* not spurious */
	notify_remote_via_evtchn(sender);	/* pends until the EOI */
	return IRQ_HANDLED;
}

static int flood(void)
{
	int irq[2], i, rc = port_pair(&port, &sender);
	u64 first;

	for (i = 0; i < 2 && !rc; i++)
		rc = port_pair(&flood_end[i], &flood_sender[i]);
	if (rc)
		return rc;
	late_irq = bind_evtchn_to_irqhandler_lateeoi(port, late_event, IRQF_NOBALANCING, "late", &port);
	irq_set_affinity(late_irq, cpumask_of(0));
	for (i = 0; i < 2; i++) {
		irq[i] = bind_evtchn_to_irqhandler(flood_end[i], flood_event, IRQF_NOBALANCING, "flood", (void *)(i + 1L));
		irq_set_affinity(irq[i], cpumask_of(0));
	}
	rounds = late_handled = 0;
	notify_remote_via_evtchn(flood_sender[0]);
	for (i = 0; i < 1000 && late_handled == 0; i++)
		usleep_range(1000, 1000);
	first = late_jiffies;
	for (i = 0; i < 1000 && late_handled < 2; i++)
		usleep_range(1000, 1000);
	pr_info("lateeoi: %u events in one upcall; the EOI given in round %u came %llu jiffies later\n", rounds, late_round,
		late_jiffies - first);
	rc = late_handled == 2 && rounds == 1000 ? (int)(late_jiffies - first) : -ETIME;
	for (i = 0; i < 2; i++) {
		unbind_from_irqhandler(irq[i], (void *)(i + 1L));
		port_close(flood_sender[i]);
	}
	if (late_handled == 2)
		xen_irq_lateeoi(late_irq, 0);
	unbind_from_irqhandler(late_irq, &port);
	port_close(sender);
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
