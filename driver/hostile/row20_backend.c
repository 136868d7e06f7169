// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 20: a PCI backend in dom0 that answers as it is told, in place of pciback (the bus must not probe by itself).
 *   row20_backend                   registers the driver; binding it to a device by sysfs starts it
 *   row20_answer CMD ERR VALUE [TIMES]   from now on, or so often, requests CMD get this answer
 *   row20_vectors FIRST STEP        with these MSI-X vectors: FIRST, FIRST + STEP, ... (0, 0)
 *   row20_answer CMD                from now on an honest answer: configuration space, else "not implemented"
 *   row20_ring_word OFFSET          31 bits of the ring's page, as this side sees it
 *   row20_aer_request CMD DEVFN     an AER request to the frontend; returns its answer
 * Layout of the ring: xen/interface/io/pciif.h.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/kernel.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <xen/events.h>
#include <xen/interface/io/pciif.h>
#include <xen/xenbus.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

#define COMMANDS 6
#define FOR_EVER UINT_MAX

static struct {
	struct xen_pci_sharedinfo *ring;
	struct pci_dev *dev;
	struct work_struct work;
	int irq;
	struct { unsigned int left; s32 err; u32 value; } answers[COMMANDS];
	u16 vector, step;	/* of MSI-X entries: first, and difference to the next */
} odd;

static void honest(struct xen_pci_op *op)
{
	u8 byte;
	u16 word;

	op->err = XEN_PCI_ERR_dev_not_found;
	if (op->devfn || op->bus)
		return;
	op->err = XEN_PCI_ERR_success;
	if (op->cmd == XEN_PCI_OP_conf_write && op->size == 1)
		pci_write_config_byte(odd.dev, op->offset, op->value);
	else if (op->cmd == XEN_PCI_OP_conf_write && op->size == 2)
		pci_write_config_word(odd.dev, op->offset, op->value);
	else if (op->cmd == XEN_PCI_OP_conf_write)
		pci_write_config_dword(odd.dev, op->offset, op->value);
	else if (op->cmd != XEN_PCI_OP_conf_read)
		op->err = XEN_PCI_ERR_not_implemented;
	else if (op->size == 1 && !pci_read_config_byte(odd.dev, op->offset, &byte))
		op->value = byte;
	else if (op->size == 2 && !pci_read_config_word(odd.dev, op->offset, &word))
		op->value = word;
	else
		pci_read_config_dword(odd.dev, op->offset, &op->value);
}

static void answer(struct work_struct *work)
{
	struct xen_pci_op *op = &odd.ring->op;
	u32 cmd = op->cmd;

	if (test_bit(_XEN_PCIF_active, (unsigned long *)&odd.ring->flags)) {
		if (cmd < COMMANDS && odd.answers[cmd].left) {
			unsigned int i;

			if (odd.answers[cmd].left != FOR_EVER)
				odd.answers[cmd].left--;
			op->err = odd.answers[cmd].err;
			op->value = odd.answers[cmd].value;
			for (i = 0; i < SH_INFO_MAX_VEC; i++) {
				op->msix_entries[i].entry = 0;
				op->msix_entries[i].vector = odd.vector + odd.step * i;
			}
		} else {
			honest(op);
		}
		wmb();
		clear_bit(_XEN_PCIF_active, (unsigned long *)&odd.ring->flags);
		notify_remote_via_irq(odd.irq);
	}
	xen_irq_lateeoi(odd.irq, 0);
}

static irqreturn_t odd_event(int irq, void *unused)
{
	odd.irq = irq;
	schedule_work(&odd.work);
	return IRQ_HANDLED;
}

static int odd_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	unsigned int domain, bus, slot, func;
	int rc = xenbus_switch_state(dev, XenbusStateInitWait);

	if (!rc && xenbus_scanf(XBT_NIL, dev->nodename, "dev-0", "%x:%x:%x.%x", &domain, &bus, &slot, &func) != 4)
		rc = -EINVAL;
	if (rc)
		return rc;
	odd.dev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, func));
	INIT_WORK(&odd.work, answer);
	xenbus_printf(XBT_NIL, dev->nodename, "vdev-0", "0000:00:00.00");
	xenbus_printf(XBT_NIL, dev->nodename, "root-0", "0000:00");
	xenbus_printf(XBT_NIL, dev->nodename, "root_num", "1");
	xenbus_printf(XBT_NIL, dev->nodename, "state-0", "%d", XenbusStateInitialised);
	return odd.dev ? xenbus_switch_state(dev, XenbusStateInitialised) : -ENODEV;
}

static void odd_frontend_changed(struct xenbus_device *dev, enum xenbus_state state)
{
	evtchn_port_t port;
	grant_ref_t ref;
	void *page;
	int rc;

	if (state != XenbusStateInitialised || odd.ring)
		return;
	rc = xenbus_gather(XBT_NIL, dev->otherend, "pci-op-ref", "%u", &ref, "event-channel", "%u", &port, NULL);
	if (!rc)
		rc = xenbus_map_ring_valloc(dev, &ref, 1, &page);
	if (rc)
		return;
	odd.ring = page;
	rc = bind_interdomain_evtchn_to_irqhandler_lateeoi(dev, port, odd_event, 0, "row20", NULL);
	if (rc < 0)
		return;
	odd.irq = rc;
	xenbus_switch_state(dev, XenbusStateConnected);
}

static const struct xenbus_device_id odd_ids[] = { { "pci" }, { "" } };
static struct xenbus_driver odd_driver = {
	.name = "row20_backend", .ids = odd_ids, .probe = odd_probe, .otherend_changed = odd_frontend_changed,
};

static int backend(int argc, char **argv)
{
	return __xenbus_register_backend(&odd_driver, NULL, "row20");
}

EMUL_REGISTER("row20_backend", EMUL_CALLABLE, backend);

static int tell(int argc, char **argv)
{
	unsigned int cmd;
	unsigned int times = FOR_EVER;
	int err = 0, value = 0;

	if ((argc != 2 && argc != 4 && argc != 5) || kstrtouint(argv[1], 0, &cmd) || cmd >= COMMANDS)
		return -EINVAL;
	if (argc >= 4 && (kstrtoint(argv[2], 0, &err) || kstrtoint(argv[3], 0, &value)))
		return -EINVAL;
	if (argc == 5 && kstrtouint(argv[4], 0, &times))
		return -EINVAL;
	odd.answers[cmd].err = err;
	odd.answers[cmd].value = value;
	odd.answers[cmd].left = argc >= 4 ? times : 0;
	return 0;
}

EMUL_REGISTER("row20_answer", EMUL_CALLABLE, tell);

static int vectors(int argc, char **argv)
{
	u16 first, step;

	if (argc != 3 || kstrtou16(argv[1], 0, &first) || kstrtou16(argv[2], 0, &step))
		return -EINVAL;
	odd.vector = first;
	odd.step = step;
	return 0;
}

EMUL_REGISTER("row20_vectors", EMUL_CALLABLE, vectors);

static int aer_request(int argc, char **argv)
{
	unsigned int cmd, devfn, tries;

	if (argc != 3 || kstrtouint(argv[1], 0, &cmd) || kstrtouint(argv[2], 0, &devfn) || !odd.ring)
		return -EINVAL;
	odd.ring->aer_op.cmd = cmd;
	odd.ring->aer_op.err = pci_channel_io_normal;
	odd.ring->aer_op.domain = odd.ring->aer_op.bus = 0;
	odd.ring->aer_op.devfn = devfn;
	wmb();
	set_bit(_XEN_PCIB_active, (unsigned long *)&odd.ring->flags);
	notify_remote_via_irq(odd.irq);
	for (tries = 0; test_bit(_XEN_PCIB_active, (unsigned long *)&odd.ring->flags); tries++) {
		if (tries == 1000)
			return -ETIMEDOUT;
		msleep(4);
	}
	return odd.ring->aer_op.err;
}

EMUL_REGISTER("row20_aer_request", EMUL_CALLABLE, aer_request);

static int ring_word(int argc, char **argv)
{
	unsigned int offset;

	if (argc != 2 || kstrtouint(argv[1], 0, &offset) || offset > PAGE_SIZE - 4 || !odd.ring)
		return -EINVAL;
	return *(u32 *)((u8 *)odd.ring + offset) & INT_MAX;
}

EMUL_REGISTER("row20_ring_word", EMUL_CALLABLE, ring_word);
