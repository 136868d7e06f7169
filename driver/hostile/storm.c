// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event storms on a PCI ring's channel, and what they leave of a vCPU:
 *   storm_backend COUNT US            a domU floods its backend: COUNT events, US microseconds apart
 *   storm_frontend DOMAIN COUNT US    dom0 floods the frontend of DOMAIN
 *   storm_late COUNT US               this domain floods a late-EOI port of its own
 *   share calibrate MS [BDF]          how far a loop gets in MS milliseconds when nothing happens
 *   share measure MS [BDF]            and now: prints the percentage, answers it
 * With a device the loop masks and unmasks its first interrupt all the time.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <asm/xen/hypercall.h>
#include <xen/events.h>
#include <xen/interface/event_channel.h>
#include <xen/xenbus.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/guest/ports.h"

struct pci_dev *guest_find_device(int argc, char **argv);

#define PORTS 256	/* that dom0 has in a small machine room */

static int flood(evtchn_port_t port, u64 count, u64 us)
{
	for (; count; count--) {
		notify_remote_via_evtchn(port);
		if (us)
			udelay(us);
	}
	return 0;
}

static int numbers(int argc, char **argv, u64 *values, int count)
{
	int i;

	if (argc != count + 1)
		return -EINVAL;
	for (i = 0; i < count; i++)
		if (kstrtou64(argv[i + 1], 0, &values[i]))
			return -EINVAL;
	return 0;
}

static int storm_backend(int argc, char **argv)
{
	evtchn_port_t port;
	u64 values[2];
	int rc = numbers(argc, argv, values, 2);

	if (!rc && xenbus_scanf(XBT_NIL, "device/pci/0", "event-channel", "%u", &port) != 1)
		rc = -ENOENT;
	return rc ? rc : flood(port, values[0], values[1]);
}

/* This domain's end of the channel that DOMAIN's frontend has published. */
static int backend_port(unsigned int domain, evtchn_port_t *port)
{
	struct evtchn_status status = { .dom = DOMID_SELF };
	evtchn_port_t theirs;
	char path[40];

	snprintf(path, sizeof(path), "/local/domain/%u/device/pci/0", domain);
	if (xenbus_scanf(XBT_NIL, path, "event-channel", "%u", &theirs) != 1)
		return -ENOENT;
	for (status.port = 1; status.port < PORTS; status.port++) {
		if (HYPERVISOR_event_channel_op(EVTCHNOP_status, &status))
			continue;
		if (status.status == EVTCHNSTAT_interdomain && status.u.interdomain.dom == domain &&
		    status.u.interdomain.port == theirs) {
			*port = status.port;
			return 0;
		}
	}
	return -ENODEV;
}

static int storm_frontend(int argc, char **argv)
{
	evtchn_port_t port;
	u64 values[3];
	int rc = numbers(argc, argv, values, 3);

	if (!rc)
		rc = backend_port(values[0], &port);
	return rc ? rc : flood(port, values[1], values[2]);
}

static irqreturn_t late_event(int irq, void *data)
{
	xen_irq_lateeoi(irq, XEN_EOI_FLAG_SPURIOUS);
	return IRQ_HANDLED;
}

static int storm_late(int argc, char **argv)
{
	evtchn_port_t port, sender;
	u64 values[2];
	int rc = numbers(argc, argv, values, 2), irq;

	if (!rc)
		rc = port_pair(&port, &sender);
	if (rc)
		return rc;
	irq = bind_evtchn_to_irqhandler_lateeoi(port, late_event, 0, "storm_late", &port);
	if (irq < 0)
		return irq;
	rc = flood(sender, values[0], values[1]);
	unbind_from_irqhandler(irq, &port);
	port_close(sender);
	return rc;
}

static u64 run_for(u64 ms, int masked_irq)
{
	u64 end = ktime_get_ns() + ms * NSEC_PER_MSEC, rounds = 0;
	volatile unsigned int work;

	do {
		for (work = 0; work < 1000; work++)
			;
		if (masked_irq >= 0) {
			disable_irq_nosync(masked_irq);
			enable_irq(masked_irq);
		}
		rounds++;
	} while (ktime_get_ns() < end);
	return rounds;
}

static int share(int argc, char **argv)
{
	static u64 rounds_per_ms;
	u64 ms, percent;
	int irq = -1;

	if (argc < 3 || argc > 4 || kstrtou64(argv[2], 0, &ms) || !ms)
		return -EINVAL;
	if (argc == 4) {
		struct pci_dev *dev = guest_find_device(2, argv + 2);

		if (!dev)
			return -ENODEV;
		irq = pci_irq_vector(dev, 0);
		pci_dev_put(dev);
		if (irq < 0)
			return irq;
	}
	if (!strcmp(argv[1], "calibrate")) {
		rounds_per_ms = run_for(ms, irq) / ms;
		return 0;
	}
	if (!rounds_per_ms)
		return -EINVAL;
	percent = run_for(ms, irq) * 100 / (rounds_per_ms * ms);
	pr_info("share: %llu %%\n", percent);
	return percent;
}

EMUL_REGISTER("storm_backend", EMUL_CALLABLE, storm_backend);
EMUL_REGISTER("storm_frontend", EMUL_CALLABLE, storm_frontend);
EMUL_REGISTER("storm_late", EMUL_CALLABLE, storm_late);
EMUL_REGISTER("share", EMUL_CALLABLE, share);
