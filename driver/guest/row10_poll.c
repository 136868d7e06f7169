// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for one event with interrupts off (row 10):
 *   row10 read BDF REGISTER   one 16-bit configuration read; prints how long it took and how late a tick came that fell
 *                             into it. Answers the value, or minus the PCIBIOS code (-134: device not found)
 *   row10 polls               what ends SCHEDOP_poll: the polled port, another port of the same vCPU, the timeout
 *   row10 remote              an event sent by another vCPU to a polled and masked port
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/pci.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <xen/xen-ops.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/guest/ports.h"

static u64 timer_ran;

static void row10_timer(struct timer_list *timer)
{
	timer_ran = ktime_get_ns();
}

static int timed_read(const char *bdf, int where)
{
	struct pci_dev *dev = NULL;
	struct timer_list timer;
	u64 start, end, late;
	u16 value;
	int rc;

	for_each_pci_dev(dev)
		if (!strcmp(pci_name(dev), bdf))
			break;
	if (!dev)
		return -ENODEV;
	schedule_timeout_uninterruptible(1);	/* just after a tick: the next one is a whole jiffy away */
	timer_ran = 0;
	timer_setup_on_stack(&timer, row10_timer, 0);
	mod_timer(&timer, jiffies + 1);
	start = ktime_get_ns();
	rc = pci_bus_read_config_word(dev->bus, dev->devfn, where, &value);
	end = ktime_get_ns();
	while (!READ_ONCE(timer_ran))
		schedule_timeout_uninterruptible(1);
	del_timer_sync(&timer);
	late = timer_ran > start + 2 * TICK_NSEC ? timer_ran - start - 2 * TICK_NSEC : 0;
	pr_info("row10: read of %s %#x: result %#x value %#x, %llu us, a tick came %llu us late\n", bdf, where, rc, value,
		div_u64(end - start, 1000), div_u64(late, 1000));
	pci_dev_put(dev);
	return rc ? -rc : value;
}

static u64 xen_ns(void)
{
	return emul_now_ps() / 1000 + emul_clock.xen_offset_ns;
}

static irqreturn_t row10_event(int irq, void *data)
{
	return IRQ_HANDLED;
}

static evtchn_port_t port, sender;

static int open_port(void)
{
	int irq, rc = port_pair(&port, &sender);

	if (rc)
		return rc;
	irq = bind_evtchn_to_irqhandler(port, row10_event, 0, "row10", &port);
	if (irq > 0) {
		irq_set_affinity(irq, cpumask_of(0));
		disable_irq(irq);
	}
	return irq;
}

static void close_port(int irq)
{
	enable_irq(irq);
	unbind_from_irqhandler(irq, &port);
	port_close(sender);
}

/* How long one poll takes, in microseconds. */
static u64 poll_us(int irq, u64 timeout_us)
{
	u64 start = xen_ns();

	xen_poll_irq_timeout(irq, start + timeout_us * 1000);
	return div_u64(xen_ns() - start, 1000);
}

static int between(const char *what, u64 us, u64 low, u64 high)
{
	pr_info("row10: %s: %llu us\n", what, us);
	return us >= low && us <= high ? 0 : -ERANGE;
}

static int polls(void)
{
	struct vcpu_info *vcpu = this_cpu_read(xen_vcpu);
	int rc, irq = open_port();
	struct timer_list timer;

	if (irq < 0)
		return irq;
	xen_clear_irq_pending(irq);
	/* Already pending, and masked: the poll does not wait. */
	local_irq_disable();
	notify_remote_via_evtchn(sender);
	rc = between("poll of a pending port", poll_us(irq, 50000), 0, 5);
	xen_clear_irq_pending(irq);
	local_irq_enable();
	if (rc)
		goto out;

	/*
	 * Another event of this vCPU: the hypervisor unblocks whoever gets a fresh upcall, polled port or not, masked or
	 * not. The port is not pending then. Once the upcall is pending, nothing but the port and the timeout ends a poll.
	 */
	timer_setup_on_stack(&timer, row10_timer, 0);
	schedule_timeout_uninterruptible(1);
	mod_timer(&timer, jiffies + 1);
	local_irq_disable();
	rc = between("poll ended by a tick", poll_us(irq, 50000), 20, 10000);
	if (!rc && (xen_test_irq_pending(irq) || !vcpu->evtchn_upcall_pending))
		rc = -EPROTO;
	if (!rc)
		rc = between("poll with an upcall pending, to its timeout", poll_us(irq, 50000), 50000, 50100);
	local_irq_enable();
	del_timer_sync(&timer);
	if (rc)
		goto out;

	/* An unmasked upcall is delivered on the way out; then the poll waits. A timeout in the past does not wait. */
	rc = between("poll with a timeout in the past", poll_us(irq, 0), 0, 5);
	if (rc)
		goto out;
	/* No timeout, the port pending: xen_poll_irq(). */
	notify_remote_via_evtchn(sender);
	xen_poll_irq(irq);
	xen_clear_irq_pending(irq);
out:
	close_port(irq);
	return rc;
}

static void send_later(void *unused)
{
	udelay(300);
	notify_remote_via_evtchn(sender);
}

static int remote(void)
{
	int rc, irq = open_port();
	call_single_data_t csd;
	u64 us;

	if (irq < 0)
		return irq;
	if (num_online_cpus() < 2)
		return -EINVAL;
	schedule_timeout_uninterruptible(1);	/* no tick in the next milliseconds */
	INIT_CSD(&csd, send_later, NULL);
	local_irq_disable();
	xen_clear_irq_pending(irq);
	smp_call_function_single_async(1, &csd);
	us = poll_us(irq, 50000);
	rc = between("poll ended by another vCPU's send", us, 280, 400);
	if (!xen_test_irq_pending(irq))
		rc = -EPROTO;
	xen_clear_irq_pending(irq);
	local_irq_enable();
	close_port(irq);
	return rc;
}

static int row10(int argc, char **argv)
{
	unsigned int where;

	if (argc == 4 && !strcmp(argv[1], "read") && !kstrtouint(argv[3], 0, &where))
		return timed_read(argv[2], where);
	if (argc == 2 && !strcmp(argv[1], "polls"))
		return polls();
	if (argc == 2 && !strcmp(argv[1], "remote"))
		return remote();
	return -EINVAL;
}

EMUL_REGISTER("row10", EMUL_CALLABLE, row10);
