// SPDX-License-Identifier: GPL-2.0-only
/*
 * An event before anybody has bound its port, and an upcall on a vCPU that the port does not belong to (row 08):
 *   row08 early    an unmasked, pending port without an irq, and an upcall: nothing is called, nothing breaks; then it
 *                  is bound to vCPU 0
 *   row08 foreign  the same port, pending, and an upcall on vCPU 1: only an upcall of vCPU 0 serves it
 *   row08 hotplug  vCPU 1 goes with an event at its door, its port is served elsewhere; it comes back and serves it again
 */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/kthread.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <asm/sync_bitops.h>
#include <asm/xen/hypervisor.h>
#include <xen/interface/xen.h>
#include <xen/interface/vcpu.h>
#include <xen/xen-ops.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/guest/ports.h"

extern bool xen_fifo_events;
DECLARE_PER_CPU(unsigned long, emul_upcalls);

static unsigned int handled, handled_elsewhere;

static irqreturn_t row08_event(int irq, void *data)
{
	handled++;
	if (smp_processor_id() != 0)
		handled_elsewhere++;
	return IRQ_HANDLED;
}

static int expect(unsigned int count, const char *when)
{
	usleep_range(100, 100);
	if (handled == count)
		return 0;
	pr_err("row08: %s: handled %u times, not %u\n", when, handled, count);
	return -EPROTO;
}

/* As the hypervisor does it in the 2-level ABI, but on this vCPU, whoever the port belongs to. */
static void select_here(void *data)
{
	unsigned long port = (unsigned long)data;
	struct vcpu_info *vcpu = this_cpu_read(xen_vcpu);

	sync_set_bit(port / BITS_PER_LONG, (unsigned long *)&vcpu->evtchn_pending_sel);
	vcpu->evtchn_upcall_pending = 1;
}

/* Makes the port pending without telling any vCPU. */
static void pend(evtchn_port_t port)
{
	sync_set_bit(port, (unsigned long *)HYPERVISOR_shared_info->evtchn_pending);
}

static void upcall_here(evtchn_port_t port)
{
	unsigned long flags;

	local_irq_save(flags);
	select_here((void *)(unsigned long)port);
	local_irq_restore(flags);
}

static evtchn_port_t port, sender;
static int irq;

static int early(void)
{
	struct evtchn_unmask unmask;
	unsigned long upcalls;
	int rc = port_pair(&port, &sender);

	if (rc)
		return rc;
	handled = handled_elsewhere = 0;
	unmask.port = port;
	upcalls = per_cpu(emul_upcalls, 0);
	if (xen_fifo_events) {
		rc = HYPERVISOR_event_channel_op(EVTCHNOP_unmask, &unmask);
		notify_remote_via_evtchn(sender);
	} else {
		sync_clear_bit(port, (unsigned long *)HYPERVISOR_shared_info->evtchn_mask);
		pend(port);
		upcall_here(port);
	}
	if (rc)
		return rc;
	rc = expect(0, "before the port is bound");
	if (rc)
		return rc;
	if (per_cpu(emul_upcalls, 0) == upcalls)
		return -ENODATA;	/* there was no upcall to get it wrong */
	irq = bind_evtchn_to_irqhandler(port, row08_event, IRQF_NOBALANCING, "row08", &handled);
	if (irq < 0)
		return irq;
	/*
	 * 2-level: unmasking finds the port pending and serves it. FIFO: the guest took the event off its queue when it
	 * had no irq; PENDING alone brings nothing, the next send links it again.
	 */
	rc = expect(xen_fifo_events ? 0 : 1, "when the port is bound");
	if (rc)
		return rc;
	rc = irq_set_affinity(irq, cpumask_of(0));
	if (rc)
		return rc;
	handled = handled_elsewhere = 0;
	notify_remote_via_evtchn(sender);
	rc = expect(1, "after a send");
	return rc ? rc : handled_elsewhere ? -EXDEV : 0;
}

static int foreign(void)
{
	int rc;

	if (irq <= 0 || num_online_cpus() < 2)
		return -EINVAL;
	handled = handled_elsewhere = 0;
	/*
	 * vCPU 0 keeps its own interrupts off meanwhile: all these ports share a word, and any event of its own would
	 * make it look. FIFO: the event is in vCPU 0's own queue, which vCPU 1 does not even read.
	 */
	local_irq_disable();
	if (xen_fifo_events)
		notify_remote_via_evtchn(sender);
	else
		pend(port);
	smp_call_function_single(1, select_here, (void *)(unsigned long)port, 1);
	udelay(50);
	rc = handled ? -EXDEV : 0;
	local_irq_enable();
	if (rc)
		return rc;
	if (!xen_fifo_events)
		upcall_here(port);
	rc = expect(1, "after an upcall of vCPU 0");
	if (!rc && handled_elsewhere)
		rc = -EXDEV;
	unbind_from_irqhandler(irq, &handled);
	irq = 0;
	port_close(sender);
	return rc;
}

static int served_on;

static irqreturn_t row08_where(int irq, void *data)
{
	handled++;
	served_on = smp_processor_id();
	return IRQ_HANDLED;
}

static int serve_one(int wanted, const char *when)
{
	int rc;

	handled = 0;
	served_on = -1;
	notify_remote_via_evtchn(sender);
	rc = expect(1, when);
	if (!rc && (wanted >= 0 ? served_on != wanted : served_on == 1)) {
		pr_err("row08: %s: served on vCPU %d\n", when, served_on);
		rc = -EXDEV;
	}
	return rc;
}

/* Sends an IPI to vCPU 1 once it is down: the event waits at a vCPU that will not look. */
static int late_ipi(void *sent)
{
	while (HYPERVISOR_vcpu_op(VCPUOP_is_up, 1, NULL) > 0)
		usleep_range(10, 10);
	xen_send_IPI_one(1, XEN_IRQ_WORK_VECTOR);
	complete(sent);
	return 0;
}

static int hotplug(void)
{
	DECLARE_COMPLETION_ONSTACK(sent);
	int rc = port_pair(&port, &sender), ipi;

	if (rc || num_online_cpus() < 3)
		return -EINVAL;
	irq = bind_evtchn_to_irqhandler(port, row08_where, IRQF_NOBALANCING, "row08", &handled);
	ipi = bind_ipi_to_irqhandler(XEN_IRQ_WORK_VECTOR, 1, row08_where, IRQF_PERCPU | IRQF_NOBALANCING, "ipi", &irq);
	if (irq < 0 || ipi < 0 || irq_set_affinity(irq, cpumask_of(1)))
		return -EXDEV;
	rc = serve_one(1, "before");
	if (rc)
		return rc;
	wake_up_process(kthread_create_on_cpu(late_ipi, &sent, 2, "late_ipi/%u"));
	handled = 0;
	rc = remove_cpu(1);
	if (rc)
		return rc;
	wait_for_completion(&sent);
	rc = expect(0, "ipi to a vCPU that is gone");
	if (!rc)
		rc = serve_one(-1, "while vCPU 1 is gone");
	if (rc)
		return rc;
	unbind_from_irqhandler(ipi, &irq);
	rc = add_cpu(1);
	if (rc)
		return rc;
	rc = irq_set_affinity(irq, cpumask_of(1));
	if (!rc)
		rc = serve_one(1, "when vCPU 1 is back");
	unbind_from_irqhandler(irq, &handled);
	irq = 0;
	port_close(sender);
	return rc;
}

static int row08(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "early"))
		return early();
	if (argc == 2 && !strcmp(argv[1], "foreign"))
		return foreign();
	if (argc == 2 && !strcmp(argv[1], "hotplug"))
		return hotplug();
	return -EINVAL;
}

EMUL_REGISTER("row08", EMUL_CALLABLE, row08);
