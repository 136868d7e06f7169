// SPDX-License-Identifier: GPL-2.0-only
/*
 * S-16: an interrupt arrives while its channel is closed, or a channel is closed while its interrupt is handled.
 *   channel_race pirq BDF ROUNDS    requests and frees the vector of a function, again and again; who sends the interrupts
 *                                 is the scenario's business
 *   channel_race port ROUNDS        binds and unbinds a port of our own while vCPU 1 sends on it without pause
 *   channel_race upcall ROUNDS      vCPU 1 unbinds a port while vCPU 0 is in the upcall for it; all of it must be freed
 * A scenario sweeps the windows: channel_race_close() .. channel_race_done(), and in the last case
 * channel_race_wait() .. channel_race_done() with the upcall in between.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/kernel.h>
#include <linux/pci.h>
#include <linux/swap.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/guest/ports.h"

struct pci_dev *guest_find_device(int argc, char **argv);

#define SETTLED	300	/* rounds until tables and slabs have their size, with a fence around each object */
#define ENOUGH	8	/* pages that may be in use beyond that */

static unsigned int handled;
static evtchn_port_t port, sender;
static bool stop, go, done;
static int bound;

static irqreturn_t race_event(int irq, void *data)
{
	handled++;
	return IRQ_HANDLED;
}

static noinline void channel_race_close(int irq, bool pirq)
{
	if (pirq)
		free_irq(irq, &handled);
	else
		unbind_from_irqhandler(irq, &handled);
}

static noinline void channel_race_done(void)
{
	barrier();
}

static int race_pirq(struct pci_dev *dev, unsigned int rounds)
{
	int irq, rc = pci_enable_device(dev);

	if (rc)
		return rc;
	pci_set_master(dev);
	rc = pci_alloc_irq_vectors(dev, 1, 1, PCI_IRQ_MSIX);
	if (rc < 0)
		return rc;
	irq = pci_irq_vector(dev, 0);
	while (rounds--) {
		rc = request_irq(irq, race_event, 0, "channel_race", &handled);
		if (rc)
			return rc;
		channel_race_close(irq, true);
		channel_race_done();
	}
	return 0;
}

static int bind_port(void)
{
	int irq, rc = port_pair(&port, &sender);

	if (rc)
		return rc;
	irq = bind_evtchn_to_irqhandler(port, race_event, IRQF_NOBALANCING, "channel_race", &handled);
	if (irq > 0)
		irq_set_affinity(irq, cpumask_of(0));
	return irq;
}

static void send_on(struct work_struct *work)
{
	while (!READ_ONCE(stop)) {
		notify_remote_via_evtchn(READ_ONCE(sender));
		udelay(1);
	}
}

static int race_port(unsigned int rounds)
{
	static DECLARE_WORK(work, send_on);
	int irq, rc = 0;

	irq = bind_port();
	stop = false;
	if (num_online_cpus() > 1)
		schedule_work_on(1, &work);
	while (rounds-- && irq > 0) {
		evtchn_port_t old = sender;

		channel_race_close(irq, false);
		channel_race_done();
		irq = bind_port();
		port_close(old);
	}
	WRITE_ONCE(stop, true);
	flush_work(&work);
	if (irq < 0)
		rc = irq;
	else
		channel_race_close(irq, false);
	return rc;
}

static void close_on(struct work_struct *work)
{
	while (!READ_ONCE(stop)) {
		if (!READ_ONCE(go)) {
			udelay(1);
			continue;
		}
		WRITE_ONCE(go, false);
		notify_remote_via_evtchn(sender);
		udelay(2);	/* the upcall has begun, and is held */
		channel_race_close(bound, false);
		port_close(sender);
		usleep_range(20, 20);	/* what was to be freed is freed, if it may be */
		WRITE_ONCE(done, true);
	}
}

/* vCPU 0, for as long as a round takes: the first upcall in here is the one that the round is about. */
static noinline void channel_race_wait(void)
{
	while (!READ_ONCE(done))
		udelay(1);
}

static int race_upcall(unsigned int rounds)
{
	static DECLARE_WORK(work, close_on);
	unsigned long before = 0;
	unsigned int round;
	int rc = 0;

	if (num_online_cpus() < 2)
		return -EINVAL;
	stop = go = false;
	schedule_work_on(1, &work);
	for (round = 0; round < rounds && !rc; round++) {
		if (round == SETTLED)
			before = nr_free_buffer_pages();
		bound = bind_port();
		if (bound < 0) {
			rc = bound;
			break;
		}
		done = false;
		WRITE_ONCE(go, true);
		channel_race_wait();
		channel_race_done();
		/* A grace period ends only once this vCPU, too, has been to schedule(). */
		usleep_range(20, 20);
	}
	WRITE_ONCE(stop, true);
	flush_work(&work);
	msleep(20);
	if (!rc && nr_free_buffer_pages() + ENOUGH < before) {
		pr_err("channel_race: %lu pages were free, %lu are\n", before, nr_free_buffer_pages());
		rc = -ENOBUFS;
	}
	return rc;
}

static int channel_race(int argc, char **argv)
{
	unsigned int rounds;
	int rc = -EINVAL;

	if (argc < 3 || kstrtouint(argv[argc - 1], 0, &rounds))
		return -EINVAL;
	if (!strcmp(argv[1], "pirq")) {
		struct pci_dev *dev = guest_find_device(argc - 1, argv + 1);

		rc = dev ? race_pirq(dev, rounds) : -ENODEV;
	} else if (!strcmp(argv[1], "port")) {
		rc = race_port(rounds);
	} else if (!strcmp(argv[1], "upcall")) {
		rc = race_upcall(rounds);
	}
	pr_info("channel_race: %u handled\n", handled);
	return rc;
}

EMUL_REGISTER("channel_race", EMUL_CALLABLE, channel_race);
