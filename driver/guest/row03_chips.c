// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event channels that are not pirqs, through every door of drivers/xen/events (rows 03 and 06):
 *   chips ipi|virq|priority|errors     what their names say
 *   chips elsewhere                    a global virq asked for on a vCPU that is not vCPU 0
 *   chips global                       (dom0) a global virq bound behind the kernel's back, and moved to another vCPU
 *   chips moved                        an event that changes vCPU while its handler runs: once more after it, never beside it
 *   chips expand N                     binds port N; answers what the bind answers
 *   chips offline CPU                  an irq pushed to a vCPU that is not there
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/string.h>
#include <xen/interface/xen.h>
#include <xen/xen-ops.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/guest/ports.h"

extern bool xen_fifo_events;
extern irqreturn_t xen_debug_interrupt(int irq, void *dev_id);

static unsigned int handled;
static int handled_on;

static irqreturn_t chips_event(int irq, void *data)
{
	handled++;
	handled_on = smp_processor_id();
	return IRQ_HANDLED;
}

static int differs(const char *what, long found, long wanted)
{
	if (found == wanted)
		return 0;
	pr_err("chips: %s: %ld, not %ld\n", what, found, wanted);
	return -EPROTO;
}

static int ipi(void)
{
	const unsigned long flags = IRQF_PERCPU | IRQF_NOBALANCING | IRQF_SHARED;
	int cpu = num_online_cpus() - 1, other;
	int irq = bind_ipi_to_irqhandler(XEN_IRQ_WORK_VECTOR, cpu, chips_event, flags, "chips", &handled);

	if (irq < 0)
		return irq;
	/* A second binding of the same is the same irq. */
	other = bind_ipi_to_irqhandler(XEN_IRQ_WORK_VECTOR, cpu, chips_event, flags, "chips", &handled_on);
	if (differs("irq of the same ipi", other, irq))
		return -EPROTO;
	free_irq(irq, &handled_on);
	handled = 0;
	handled_on = -1;
	xen_send_IPI_one(cpu, XEN_IRQ_WORK_VECTOR);
	usleep_range(100, 100);
	if (differs("handler of an ipi", handled, 1) || differs("vCPU of an ipi", handled_on, cpu))
		return -EPROTO;
	unbind_from_irqhandler(irq, &handled);
	/* Without a handler request_irq() refuses, and what was bound is unbound. */
	irq = bind_ipi_to_irqhandler(XEN_IRQ_WORK_VECTOR, cpu, NULL, flags, "chips", NULL);
	if (differs("ipi without handler", irq, -EINVAL))
		return -EPROTO;
	xen_send_IPI_one(cpu, XEN_NMI_VECTOR);
	return 0;
}

static irqreturn_t chips_debug(int irq, void *data)
{
	handled++;
	return xen_debug_interrupt(irq, data);
}

/* What Xen's debug key shows: called from an upcall, while the sender's port is pending. */
static int debug(void)
{
	evtchn_port_t port, sender;
	int irq, rc = port_pair(&port, &sender);

	if (rc)
		return rc;
	irq = bind_evtchn_to_irqhandler(port, chips_debug, 0, "chips", &handled);
	if (irq < 0)
		return irq;
	handled = 0;
	notify_remote_via_evtchn(sender);
	usleep_range(100, 100);
	rc = differs("debug interrupt", handled, 1);
	unbind_from_irqhandler(irq, &handled);
	port_close(sender);
	return rc;
}

static int virq(void)
{
	const unsigned long flags = IRQF_PERCPU | IRQF_NOBALANCING;
	struct evtchn_bind_virq bind = { .virq = VIRQ_XENOPROF, .vcpu = 0 };
	evtchn_port_t port;
	int irq = bind_virq_to_irqhandler(VIRQ_DEBUG, 0, xen_debug_interrupt, flags, "debug", NULL);

	if (irq < 0)
		return irq;
	if (differs("irq of a virq", emul_irq_from_virq(0, VIRQ_DEBUG, &port), irq))
		return -EPROTO;
	if (differs("irq of the same virq", bind_virq_to_irq(VIRQ_DEBUG, 0, true), irq) || debug())
		return -EPROTO;
	unbind_from_irqhandler(irq, NULL);
	irq = bind_virq_to_irqhandler(VIRQ_DEBUG, 0, NULL, flags, "debug", NULL);
	if (differs("virq without handler", irq, -EINVAL))
		return -EPROTO;
	/* Bound by somebody who left it behind, as a kernel before a kexec: Xen says EEXIST, and the port is looked for. */
	if (HYPERVISOR_event_channel_op(EVTCHNOP_bind_virq, &bind))
		return -EBUSY;
	irq = bind_virq_to_irqhandler(VIRQ_XENOPROF, 0, chips_event, flags, "chips", &handled);
	if (irq < 0)
		return irq;
	(void)emul_irq_from_virq(0, VIRQ_XENOPROF, &port);
	if (differs("port that was found", port, bind.port))
		return -EPROTO;
	unbind_from_irqhandler(irq, &handled);
	return 0;
}

/* A global virq belongs to vCPU 0. */
static int elsewhere(void)
{
	int irq = bind_virq_to_irqhandler(VIRQ_TBUF, 1, chips_event, IRQF_NOBALANCING, "chips", &handled);

	return differs("global virq for vCPU 1", irq, -EINVAL) ? -EPROTO : 0;
}

/* VIRQ_TBUF, a global one. */
static int global(void)
{
	struct evtchn_bind_virq bind = { .virq = VIRQ_TBUF, .vcpu = 0 };
	struct evtchn_bind_vcpu move = { .vcpu = 1 };
	evtchn_port_t port;
	int irq;

	if (num_online_cpus() < 2)
		return -EINVAL;
	if (HYPERVISOR_event_channel_op(EVTCHNOP_bind_virq, &bind))
		return -EBUSY;
	move.port = bind.port;
	if (HYPERVISOR_event_channel_op(EVTCHNOP_bind_vcpu, &move))
		return -EXDEV;
	/* It exists, but on another vCPU than asked for. */
	irq = bind_virq_to_irqhandler(VIRQ_TBUF, 0, chips_event, IRQF_NOBALANCING, "chips", &handled);
	if (differs("virq on another vCPU", irq, -EEXIST))
		return -EPROTO;
	port_close(bind.port);
	irq = bind_virq_to_irqhandler(VIRQ_TBUF, 0, chips_event, IRQF_NOBALANCING, "chips", &handled);
	if (irq < 0)
		return irq;
	if (irq_set_affinity(irq, cpumask_of(1)))
		return -EXDEV;
	if (differs("irq of a virq that moved", emul_irq_from_virq(1, VIRQ_TBUF, &port), irq) ||
	    emul_irq_from_virq(0, VIRQ_TBUF, &port) == irq)
		return -EPROTO;
	unbind_from_irqhandler(irq, &handled);
	return 0;
}

static unsigned long order[2];

static irqreturn_t chips_ordered(int irq, void *data)
{
	order[handled++ % 2] = (unsigned long)data;
	return IRQ_HANDLED;
}

/* Of two events that wait, the more urgent goes first in FIFO, whichever came first; 2-level has no priorities. */
static int priority(void)
{
	evtchn_port_t port[2], sender[2];
	int irq[2], i, rc;

	for (i = 0; i < 2; i++) {
		if (port_pair(&port[i], &sender[i]))
			return -ENOSPC;
		irq[i] = bind_evtchn_to_irqhandler(port[i], chips_ordered, IRQF_NOBALANCING, "chips", (void *)(i + 1L));
		if (irq[i] < 0)
			return irq[i];
		irq_set_affinity(irq[i], cpumask_of(0));
		rc = xen_set_irq_priority(irq[i], i ? XEN_IRQ_PRIORITY_MAX : XEN_IRQ_PRIORITY_MIN);
		if (differs("set priority", rc, xen_fifo_events ? 0 : -ENOSYS))
			return -EPROTO;
	}
	if (xen_fifo_events && differs("priority out of range", xen_set_irq_priority(irq[0], 16), -EINVAL))
		return -EPROTO;
	handled = 0;
	local_irq_disable();
	notify_remote_via_evtchn(sender[0]);
	notify_remote_via_evtchn(sender[1]);
	local_irq_enable();
	usleep_range(100, 100);
	if (differs("events", handled, 2) || differs("served first", order[0], xen_fifo_events ? 2 : 1))
		return -EPROTO;
	for (i = 0; i < 2; i++) {
		unbind_from_irqhandler(irq[i], (void *)(i + 1L));
		port_close(sender[i]);
	}
	return 0;
}

static int errors(void)
{
	const evtchn_port_t limit = xen_fifo_events ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS;
	evtchn_port_t port;
	int irq, rc = 0;

	rc |= differs("port beyond the ABI", bind_evtchn_to_irq(limit), -ENOMEM);
	rc |= differs("handler for it", bind_evtchn_to_irqhandler(limit, chips_event, 0, "chips", &handled), -ENOMEM);
	rc |= differs("irq of it", (int)irq_from_evtchn(limit), -1);
	if (port_alloc(&port))
		return -ENOSPC;
	rc |= differs("no handler", bind_evtchn_to_irqhandler(port, NULL, 0, "chips", &handled), -EINVAL);
	/* The port was closed with it. */
	rc |= differs("close after it", port_close(port), -EINVAL);
	if (port_alloc(&port))
		return -ENOSPC;
	irq = bind_evtchn_to_irq_lateeoi(port);
	if (irq < 0)
		return irq;
	rc |= differs("irq of the same port", bind_evtchn_to_irq_lateeoi(port), irq);
	notify_remote_via_irq(irq);	/* unbound: dropped by the hypervisor */
	rc |= differs("request", request_irq(irq, chips_event, 0, "chips", &handled), 0);
	unbind_from_irqhandler(irq, &handled);
	return rc ? -EPROTO : 0;
}

static int stay_on, running, together;
static bool stay;

static irqreturn_t chips_moving(int irq, void *data)
{
	if (running++)
		together++;
	handled++;
	WRITE_ONCE(stay_on, smp_processor_id());
	while (READ_ONCE(stay))
		udelay(1);
	running--;
	return IRQ_HANDLED;
}

static int moved(void)
{
	evtchn_port_t port, sender;
	int irq, rc = 0;

	if (num_online_cpus() < 2 || port_pair(&port, &sender))
		return -EINVAL;
	irq = bind_evtchn_to_irqhandler(port, chips_moving, IRQF_NOBALANCING, "chips", &port);
	if (irq < 0 || irq_set_affinity(irq, cpumask_of(1)))
		return -EXDEV;
	handled = running = together = 0;
	stay_on = -1;
	stay = true;
	notify_remote_via_evtchn(sender);
	while (READ_ONCE(stay_on) < 0)
		udelay(1);
	rc |= differs("vCPU", stay_on, 1);
	/* It runs on vCPU 1 now. Its next event goes to vCPU 0, which finds it in progress and leaves it to vCPU 1. */
	irq_set_affinity(irq, cpumask_of(0));
	notify_remote_via_evtchn(sender);
	udelay(20);
	rc |= differs("handled while it runs", handled, 1);
	/* Disabled now: vCPU 1 must leave it pending, and enabling must bring it. */
	disable_irq_nosync(irq);
	WRITE_ONCE(stay, false);
	usleep_range(200, 200);
	rc |= differs("handled while disabled", handled, 1);
	stay_on = -1;
	enable_irq(irq);
	usleep_range(200, 200);
	rc |= differs("handled after enable", handled, 2);
	rc |= differs("vCPU after the move", stay_on, 0);
	rc |= differs("at the same time", together, 0);
	/* A port unmasked on another vCPU than its own: by hypercall. */
	disable_irq(irq);
	irq_set_affinity(irq, cpumask_of(1));
	notify_remote_via_evtchn(sender);
	enable_irq(irq);
	usleep_range(200, 200);
	rc |= differs("handled after unmask from afar", handled, 3);
	rc |= differs("vCPU after unmask from afar", stay_on, 1);
	unbind_from_irqhandler(irq, &port);
	port_close(sender);
	return rc ? -EPROTO : 0;
}

static int expand(unsigned int wanted)
{
	evtchn_port_t port;
	int irq;

	do {
		if (port_alloc(&port))
			return -ENOSPC;
	} while (port < wanted);
	irq = bind_evtchn_to_irqhandler(port, chips_event, 0, "chips", &handled);
	if (irq < 0)
		return irq;
	unbind_from_irqhandler(irq, &handled);
	return 0;
}

static int offline(unsigned int cpu)
{
	evtchn_port_t port, sender;
	int irq, rc;

	if (cpu_online(cpu) || port_pair(&port, &sender))
		return -EINVAL;
	irq = bind_evtchn_to_irqhandler(port, chips_event, IRQF_NOBALANCING, "chips", &handled);
	if (irq < 0)
		return irq;
	rc = differs("affinity to nowhere", irq_set_affinity(irq, cpumask_of(cpu)), -EINVAL);
	rc |= differs("forced", irq_force_affinity(irq, cpumask_of(cpu)), 0);
	handled = 0;
	handled_on = -1;
	notify_remote_via_evtchn(sender);
	usleep_range(100, 100);
	rc |= differs("handled", handled, 1);
	rc |= differs("somewhere", handled_on >= 0, 1);
	unbind_from_irqhandler(irq, &handled);
	port_close(sender);
	return rc ? -EPROTO : 0;
}

static int chips(int argc, char **argv)
{
	unsigned int number = 0;

	if (argc < 2 || (argc > 2 && kstrtouint(argv[2], 0, &number)))
		return -EINVAL;
	if (!strcmp(argv[1], "ipi"))
		return ipi();
	if (!strcmp(argv[1], "virq"))
		return virq();
	if (!strcmp(argv[1], "elsewhere"))
		return elsewhere();
	if (!strcmp(argv[1], "global"))
		return global();
	if (!strcmp(argv[1], "priority"))
		return priority();
	if (!strcmp(argv[1], "errors"))
		return errors();
	if (!strcmp(argv[1], "moved"))
		return moved();
	if (!strcmp(argv[1], "expand"))
		return expand(number);
	if (!strcmp(argv[1], "offline"))
		return offline(number);
	return -EINVAL;
}

EMUL_REGISTER("chips", EMUL_CALLABLE, chips);
