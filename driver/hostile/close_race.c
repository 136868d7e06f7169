// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event channels that are closed while somebody else is busy with them (S-16). Needs vCPUs 0 to 2.
 *   close_race eoi        vCPU 1 gives a late EOI; the scenario holds it up inside, and vCPU 0 closes the port
 *   close_race console    vCPU 1 holds a lock and gives a late EOI under it; vCPU 0 waits for the lock in a handler;
 *                         vCPU 2 closes a third port meanwhile
 *   close_race again      an event that comes while its EOI is pending, and a change of affinity: the handler must wait
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/guest/ports.h"

static DEFINE_SPINLOCK(console);	/* what the handler and the one who prints both need */

static struct end {
	evtchn_port_t port, sender;
	int irq;
	unsigned int handled;
} ends[3];

static irqreturn_t quiet_event(int irq, void *data)
{
	((struct end *)data)->handled++;
	return IRQ_HANDLED;
}

static irqreturn_t console_event(int irq, void *data)
{
	unsigned long flags;

	spin_lock_irqsave(&console, flags);
	((struct end *)data)->handled++;
	spin_unlock_irqrestore(&console, flags);
	xen_irq_lateeoi(irq, 0);
	return IRQ_HANDLED;
}

static int open_end(struct end *end, irq_handler_t handler, int cpu)
{
	int rc = port_pair(&end->port, &end->sender);

	if (rc)
		return rc;
	end->handled = 0;
	end->irq = bind_evtchn_to_irqhandler_lateeoi(end->port, handler, IRQF_NOBALANCING, "close_race", end);
	if (end->irq > 0)
		irq_set_affinity(end->irq, cpumask_of(cpu));
	return min(end->irq, 0);
}

static void close_end(struct end *end)
{
	unbind_from_irqhandler(end->irq, end);
	port_close(end->sender);
}

static bool wait_for(struct end *end, unsigned int handled)
{
	int tries;

	for (tries = 0; READ_ONCE(end->handled) < handled && tries < 1000; tries++)
		usleep_range(20, 40);
	return end->handled >= handled;
}

static void give_eoi(struct work_struct *work)
{
	xen_irq_lateeoi(ends[0].irq, 0);
}

static int eoi(void)
{
	DECLARE_WORK(work, give_eoi);
	int rc = open_end(&ends[0], quiet_event, 0);

	if (rc)
		return rc;
	notify_remote_via_evtchn(ends[0].sender);
	if (!wait_for(&ends[0], 1))
		return -ETIME;
	schedule_work_on(1, &work);
	msleep(4);	/* vCPU 1 stands still inside by now */
	close_end(&ends[0]);
	flush_work(&work);
	msleep(20);
	return 0;
}

static void print(struct work_struct *work)
{
	unsigned long flags;

	spin_lock_irqsave(&console, flags);
	udelay(2000);
	xen_irq_lateeoi(ends[1].irq, 0);
	spin_unlock_irqrestore(&console, flags);
}

static void close_third(struct work_struct *work)
{
	udelay(200);
	close_end(&ends[2]);
}

static int console_race(void)
{
	DECLARE_WORK(printing, print);
	DECLARE_WORK(closing, close_third);
	int rc = open_end(&ends[0], console_event, 0) ?: open_end(&ends[1], quiet_event, 1) ?:
		 open_end(&ends[2], quiet_event, 2);

	if (rc)
		return rc;
	notify_remote_via_evtchn(ends[1].sender);
	if (!wait_for(&ends[1], 1))
		return -ETIME;
	schedule_work_on(1, &printing);
	schedule_work_on(2, &closing);
	udelay(100);
	notify_remote_via_evtchn(ends[0].sender);	/* its upcall waits for the lock */
	flush_work(&printing);
	flush_work(&closing);
	rc = wait_for(&ends[0], 1) ? 0 : -ETIME;
	close_end(&ends[0]);
	close_end(&ends[1]);
	return rc;
}

static int again(void)
{
	struct end *end = &ends[0];
	int rc = open_end(end, quiet_event, 0);

	if (rc)
		return rc;
	notify_remote_via_evtchn(end->sender);
	if (!wait_for(end, 1))
		return -ETIME;
	notify_remote_via_evtchn(end->sender);	/* stays pending: nobody gave the EOI */
	irq_set_affinity(end->irq, cpumask_of(1));
	msleep(4);
	if (end->handled != 1) {
		pr_err("close_race: handled %u times without an EOI\n", end->handled);
		return -EPROTO;
	}
	xen_irq_lateeoi(end->irq, 0);
	rc = wait_for(end, 2) ? 0 : -ETIME;
	close_end(end);
	return rc;
}

static int close_race(int argc, char **argv)
{
	if (argc != 2 || num_online_cpus() < 3)
		return -EINVAL;
	if (!strcmp(argv[1], "eoi"))
		return eoi();
	if (!strcmp(argv[1], "console"))
		return console_race();
	return strcmp(argv[1], "again") ? -EINVAL : again();
}

EMUL_REGISTER("close_race", EMUL_CALLABLE, close_race);
