// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 20: things to look at before and after.
 *   row20_irqs save | same        how many interrupt descriptors have a handler
 *   row20_grant save | same        the next free grant reference; the last one given back is the next one given out
 *   row20_config save|same BDF    checksum over a function's configuration space, and back again
 *   row20_restore_msi             saves and restores the state of the function whose MSI-X is on (abi.md S12)
 *   row20_read BDF OFFSET SIZE VALUE   one configuration access
 *   row20_write BDF OFFSET SIZE VALUE
 *   row20_absent BDF                   reads of a slot without device, in each size; the error as the PCI core names it
 *   row20_power BDF                    down to D3hot and back, by the PCI core
 *   row20_stranger                     gets the number of pcifront's port in between its two closes (abi.md S9)
 *   row20_virtual_function BDF OF      the marks that pci_iov_add_virtfn() gives a virtual function of another
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/irqnr.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <asm/xen/page.h>
#include <xen/grant_table.h>
#include <xen/interface/version.h>
#include <xen/xenbus.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/guest/ports.h"

static struct pci_dev *find(const char *name)
{
	struct pci_dev *dev = NULL;

	for_each_pci_dev(dev)
		if (!strcmp(pci_name(dev), name))
			break;
	return dev;
}

static int irqs(int argc, char **argv)
{
	static unsigned int saved;
	unsigned int irq, count = 0;
	struct irq_desc *desc;

	for_each_irq_desc(irq, desc)
		count += desc->action != NULL;
	if (argc == 2 && !strcmp(argv[1], "save")) {
		saved = count;
		return 0;
	}
	if (argc != 2 || strcmp(argv[1], "same"))
		return -EINVAL;
	if (count == saved)
		return 0;
	pr_err("row20: %u interrupts have handlers, %u had\n", count, saved);
	return -ERANGE;
}

EMUL_REGISTER("row20_irqs", EMUL_CALLABLE, irqs);

static int grant(int argc, char **argv)
{
	static int saved;
	unsigned long page = __get_free_page(GFP_KERNEL);
	int ref = gnttab_grant_foreign_access(0, virt_to_gfn((void *)page), 1);

	if (ref < 0 || !gnttab_try_end_foreign_access(ref))
		return -EBUSY;
	free_page(page);
	if (argc == 2 && !strcmp(argv[1], "save")) {
		saved = ref;
		return 0;
	}
	if (argc != 2 || strcmp(argv[1], "same"))
		return -EINVAL;
	if (ref == saved)
		return 0;
	pr_err("row20: the next grant reference is %d, it was %d\n", ref, saved);
	return -ERANGE;
}

EMUL_REGISTER("row20_grant", EMUL_CALLABLE, grant);

static int config(int argc, char **argv)
{
	static u32 saved;
	struct pci_dev *dev;
	u32 word, sum = ~0U;
	int i;

	if (argc != 3)
		return -EINVAL;
	dev = find(argv[2]);
	if (!dev)
		return -ENODEV;
	for (i = 0; i < 256; i += 4) {
		pci_read_config_dword(dev, i, &word);
		sum = (sum ^ word) * 16777619;	/* FNV-1a, by words */
	}
	pci_dev_put(dev);
	if (!strcmp(argv[1], "save")) {
		saved = sum;
		return 0;
	}
	return strcmp(argv[1], "same") ? -EINVAL : sum == saved ? 0 : -ERANGE;
}

EMUL_REGISTER("row20_config", EMUL_CALLABLE, config);

static int restore_msi(int argc, char **argv)
{
	struct pci_dev *dev = NULL;

	for_each_pci_dev(dev)
		if (dev->msix_enabled)
			break;
	if (!dev)
		return -ENODEV;
	pci_restore_msi_state(dev);
	pci_dev_put(dev);
	return 0;
}

EMUL_REGISTER("row20_restore_msi", EMUL_CALLABLE, restore_msi);

/* 0, or the error as the PCI core names it (PCIBIOS_*), or -ERANGE if another value came. */
static int access(int argc, char **argv, bool write)
{
	unsigned int offset, size, value;
	struct pci_dev *dev;
	u32 word = 0;
	u16 half = 0;
	u8 byte = 0;
	int rc = -EINVAL;

	if (argc != 5 || kstrtouint(argv[2], 0, &offset) || kstrtouint(argv[3], 0, &size) ||
	    kstrtouint(argv[4], 0, &value))
		return -EINVAL;
	dev = find(argv[1]);
	if (!dev)
		return -ENODEV;
	if (write && size == 1)
		rc = pci_write_config_byte(dev, offset, value);
	else if (write && size == 2)
		rc = pci_write_config_word(dev, offset, value);
	else if (write && size == 4)
		rc = pci_write_config_dword(dev, offset, value);
	else if (size == 1)
		rc = pci_read_config_byte(dev, offset, &byte);
	else if (size == 2)
		rc = pci_read_config_word(dev, offset, &half);
	else if (size == 4)
		rc = pci_read_config_dword(dev, offset, &word);
	pci_dev_put(dev);
	if (!rc && !write && (byte | half | word) != value) {
		pr_err("row20: %s %#x is %#x, not %#x\n", argv[1], offset, byte | half | word, value);
		rc = -ERANGE;
	}
	return rc;
}

static int config_read(int argc, char **argv)
{
	return access(argc, argv, false);
}

static int config_write(int argc, char **argv)
{
	return access(argc, argv, true);
}

/* The bus's first device leads to it: nobody is in the slot itself. */
static int absent(int argc, char **argv)
{
	struct pci_bus *bus = pci_find_bus(0, 0);
	unsigned int slot, function;
	u32 word = 0;
	u16 half = 0;
	u8 byte = 0;
	int rc;

	if (!bus || argc != 2 || sscanf(argv[1], "0000:00:%x.%x", &slot, &function) != 2)
		return -EINVAL;
	rc = pci_bus_read_config_dword(bus, PCI_DEVFN(slot, function), PCI_VENDOR_ID, &word);
	if (pci_bus_read_config_word(bus, PCI_DEVFN(slot, function), PCI_COMMAND, &half) != rc ||
	    pci_bus_read_config_byte(bus, PCI_DEVFN(slot, function), PCI_INTERRUPT_LINE, &byte) != rc)
		return -EILSEQ;
	if (word == ~0U && half == 0xffff && byte == 0xff)
		return rc;
	pr_err("row20: an empty slot answers %x %x %x\n", word, half, byte);
	return -ERANGE;
}

EMUL_REGISTER("row20_absent", EMUL_CALLABLE, absent);

static int power(int argc, char **argv)
{
	struct pci_dev *dev = argc == 2 ? find(argv[1]) : NULL;
	int rc;

	if (!dev)
		return -ENODEV;
	pci_save_state(dev);
	rc = pci_set_power_state(dev, PCI_D3hot);
	if (!rc && dev->current_state != PCI_D3hot)
		rc = -EIO;
	if (!rc)
		rc = pci_set_power_state(dev, PCI_D0);
	pci_restore_state(dev);
	pci_dev_put(dev);
	return rc;
}

EMUL_REGISTER("row20_power", EMUL_CALLABLE, power);
EMUL_REGISTER("row20_read", EMUL_CALLABLE, config_read);
EMUL_REGISTER("row20_write", EMUL_CALLABLE, config_write);

#define STRANGER_PORTS 900

static struct completion stranger_over;

/*
 * On a vCPU of its own: waits until pcifront has no handler any more, then asks for channels until one has its number.
 * Numbers are given from the lowest free one on, so that is the one right after its first close.
 */
static int stranger_thread(void *result)
{
	static evtchn_port_t ports[STRANGER_PORTS];
	evtchn_port_t wanted = xenbus_read_unsigned("device/pci/0", "event-channel", 0);
	struct evtchn_status status = { .dom = DOMID_SELF, .port = wanted };
	int irq = irq_from_evtchn(wanted), n = 0, rc = -ENOENT;
	unsigned int looks = 0;

	/* Less than a microsecond from the handler's end to the first close. Now and then a sign of life for the bench. */
	while (irq_has_action(irq))
		if (!(++looks % 4096))
			(void)HYPERVISOR_xen_version(XENVER_version, NULL);
	while (n < STRANGER_PORTS && !port_alloc(&ports[n]) && ports[n++] != wanted)
		;
	if (n && ports[n - 1] == wanted) {
		rc = HYPERVISOR_event_channel_op(EVTCHNOP_status, &status);
		pr_info("row20: channel %u of the stranger has status %u\n", wanted, status.status);
		msleep(20);
		rc = rc ?: HYPERVISOR_event_channel_op(EVTCHNOP_status, &status) ?: status.status;
		pr_info("row20: channel %u of the stranger has status %u\n", wanted, status.status);
		n--;
	}
	while (n--)
		port_close(ports[n]);
	*(int *)result = rc;
	complete(&stranger_over);
	return 0;
}

/* The status of the stranger's channel at last: 0 closed, 1 unbound and his; -ENOENT: he never got it. */
static int stranger(int argc, char **argv)
{
	int result = -EINVAL;

	if (num_online_cpus() < 2)
		return -EINVAL;
	init_completion(&stranger_over);
	wake_up_process(kthread_create_on_cpu(stranger_thread, &result, 1, "stranger/%u"));
	wait_for_completion(&stranger_over);
	return result;
}

EMUL_REGISTER("row20_stranger", EMUL_CALLABLE, stranger);

static int virtual_function(int argc, char **argv)
{
	struct pci_dev *dev = argc == 3 ? find(argv[1]) : NULL, *of = dev ? find(argv[2]) : NULL;

	if (!of)
		return -ENODEV;
	dev->is_virtfn = 1;
	dev->physfn = of;
	return 0;
}

EMUL_REGISTER("row20_virtual_function", EMUL_CALLABLE, virtual_function);
