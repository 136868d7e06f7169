// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 16, who allocates a device's message interrupts:
 *   row16_msi_domain BDF: Xen's MSI domain, without a chip and without a parent; the native one was never made.
 *   row16_mask_bits BDF: how the kernel knows that Xen masks and it must not: 1 by a global, 2 by a flag of the domain.
 *   row16_messages BDF: how many message descriptors the device has; none of them holds an address or data.
 */
#include <linux/irqdomain.h>
#include <linux/kernel.h>
#include <linux/msi.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <asm/irqdomain.h>
#include <asm/x86_init.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

struct pci_dev *guest_find_device(int argc, char **argv);

static int check_domain(struct irq_domain *domain)
{
	struct msi_domain_info *info;

	if (!domain)
		return -ENXIO;
	info = domain->host_data;
	if (!domain->name || !strstr(domain->name, "XEN-MSI")) {
		pr_err("row16: the domain is '%s'\n", domain->name ?: "");
		return -EXDEV;
	}
	if (info->chip || domain->parent)
		return -EEXIST;
	if (!irq_domain_is_hierarchy(domain))
		return -ENOTDIR;
	return x86_init.irqs.create_pci_msi_domain == native_create_pci_msi_domain ? -EALREADY : 0;
}

static int row16_msi_domain(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	int rc;

	if (!dev)
		return -ENODEV;
	rc = check_domain(dev_get_msi_domain(&dev->dev));
	pci_dev_put(dev);
	return rc;
}

static int row16_mask_bits(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	int rc = 0;

	if (!dev)
		return -ENODEV;
#ifdef EMUL_HAS_MSI_FLAG_NO_MASK
	if (((struct msi_domain_info *)dev_get_msi_domain(&dev->dev)->host_data)->flags & MSI_FLAG_NO_MASK)
		rc = 2;
#else
	if (pci_msi_ignore_mask)
		rc = 1;
#endif
	pci_dev_put(dev);
	return rc;
}

static int row16_messages(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	struct msi_desc *desc;
	int count = 0;

	if (!dev)
		return -ENODEV;
	msi_lock_descs(&dev->dev);
	msi_for_each_desc(desc, &dev->dev, MSI_DESC_ALL) {
		if (desc->msg.address_lo || desc->msg.address_hi || desc->msg.data) {
			pr_err("row16: irq %u has message %x %x\n", desc->irq, desc->msg.address_lo, desc->msg.data);
			count = -EEXIST;
			break;
		}
		count++;
	}
	msi_unlock_descs(&dev->dev);
	pci_dev_put(dev);
	return count;
}

EMUL_REGISTER("row16_msi_domain", EMUL_CALLABLE, row16_msi_domain);
EMUL_REGISTER("row16_mask_bits", EMUL_CALLABLE, row16_mask_bits);
EMUL_REGISTER("row16_messages", EMUL_CALLABLE, row16_messages);
