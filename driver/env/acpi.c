// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for drivers/acpi: no interpreter. What dom0's firmware would answer are words on its command line, which the
 * machine writes: emul_prt=SLOT.PIN.GSI,... (the _PRT of bus 0; devices behind bridges swizzle; "h" after a GSI: active
 * high) and emul_osc=aer (what _OSC lets the kernel control). On bare metal emul_crs=FIRST-LAST too: the memory window of
 * the host bridge (_CRS), without which the kernel takes all addresses for the bus's. Its tables: acpi_tables.c.
 * Which GSI a pin routes to goes through the real acpi_register_gsi_xen.
 */
#include <linux/acpi.h>
#include <linux/init.h>
#include <linux/ioport.h>
#include <linux/pci.h>
#include <linux/irq.h>
#include <asm/i8259.h>
#include <asm/io_apic.h>
#include <asm/mpspec.h>
#include <asm/pci_x86.h>
#include <asm/x86_init.h>
#include <xen/xen.h>

#include "emul.h"
#include "../../arch/x86/pci/bus_numa.h"

int acpi_irq_balance;

static int gsi_of(unsigned int slot, unsigned int pin, int *polarity)
{
	const char *at = emul_cmdline("emul_prt");

	while (at && *at && *at != ' ') {
		char *end;
		unsigned long s = simple_strtoul(at, &end, 10);
		unsigned long p = simple_strtoul(end + 1, &end, 10);
		unsigned long gsi = simple_strtoul(end + 1, &end, 10);

		*polarity = *end == 'h' ? ACPI_ACTIVE_HIGH : ACPI_ACTIVE_LOW;
		if (*end == 'h')
			end++;
		if (s == slot && p == pin)
			return gsi;
		at = *end == ',' ? end + 1 : NULL;
	}
	return -1;
}

static int emul_acpi_pci_irq_enable(struct pci_dev *dev)
{
	struct pci_dev *at = dev;
	u8 pin = dev->pin;
	int gsi, irq, polarity;

	EMUL("which GSI a pin routes to (_PRT)");
	if (!pin)
		return 0;
	if (dev->irq_managed && dev->irq > 0)
		return 0;
	while (!pci_is_root_bus(at->bus)) {
		pin = pci_swizzle_interrupt_pin(at, pin);
		at = at->bus->self;
	}
	gsi = gsi_of(PCI_SLOT(at->devfn), pin, &polarity);
	if (gsi < 0) {
		dev_warn(&dev->dev, "PCI INT %c: no GSI\n", 'A' + dev->pin - 1);
		return 0;
	}
	irq = acpi_register_gsi(&dev->dev, gsi, ACPI_LEVEL_SENSITIVE, polarity);
	if (irq < 0)
		return irq;
	dev->irq = irq;
	dev->irq_managed = 1;
	return 0;
}

static void emul_acpi_pci_irq_disable(struct pci_dev *dev)
{
	EMUL("gives a GSI back");
	if (!dev->pin || !dev->irq_managed)
		return;
	if (__acpi_unregister_gsi)
		__acpi_unregister_gsi(dev->irq);
	dev->irq_managed = 0;
}

/* arch/x86/pci/acpi.c, but for its end: nonzero, so that the legacy path scans bus 0. */
int __init pci_acpi_init(void)
{
	EMUL("devices' pins are routed by _PRT, and the host bridge is found by the legacy path");
	if (!acpi_noirq) {
		pcibios_enable_irq = emul_acpi_pci_irq_enable;
		pcibios_disable_irq = emul_acpi_pci_irq_disable;
	}
	return -ENODEV;
}

/*
 * In place of the one in arch/x86/pci/acpi.c and of acpi_pci_root_create(): a host bridge's _OSC decides, before its
 * bus is scanned, whether the kernel may enable error reporting. Without ACPI, in a domU, it may.
 */
int pcibios_root_bridge_prepare(struct pci_host_bridge *bridge)
{
	const char *osc = emul_cmdline("emul_osc");

	EMUL("what _OSC grants");
	if (xen_initial_domain())
		bridge->native_aer = osc && !strncmp(osc, "aer", 3);
	return 0;
}

/* In a PV guest the fixed mapping of an IO-APIC is a dummy page that nobody reads. */
static void no_fixmap(unsigned int index, phys_addr_t address, pgprot_t protection)
{
	BUG_ON(index < FIX_IO_APIC_BASE_0 || index > FIX_IO_APIC_BASE_END);
}

static void read_crs(const char *text)
{
	struct pci_root_info *info = alloc_pci_root_info(0, 0xff, 0, 0);
	unsigned long long first;
	char *end;

	EMUL("the windows of the host bridge (_CRS)");
	first = simple_strtoull(text, &end, 16);
	update_res(info, 0, 0xffff, IORESOURCE_IO, 1);
	update_res(info, first, simple_strtoull(end + 1, NULL, 16), IORESOURCE_MEM, 1);
}

/*
 * The kernel's order: xen_start_kernel() sees to it that IO-APICs are read by hypercall, xen_arch_setup() takes ACPI from
 * a domU, setup_arch() reads the tables: which IO-APIC there is and where the interrupts of the ISA bus are on it.
 */
void emul_acpi_init(void)
{
	xen_init_apic();
	pv_ops.mmu.set_fixmap = no_fixmap;
	if (!xen_initial_domain())
		disable_acpi();
	early_acpi_boot_init();
	acpi_boot_init();
	x86_init.pci.init_irq = x86_init_noop;
	if (xen_initial_domain() && emul_cmdline("emul_crs"))
		read_crs(emul_cmdline("emul_crs"));
}

/* arch/x86/kernel/apic/vector.c: how many descriptors to make early, as many as the PIC has lines, if there is one. */
int __init arch_probe_nr_irqs(void)
{
	EMUL("no vectors: how many interrupts there can be is not their number's business");
	return legacy_pic->probe();
}
