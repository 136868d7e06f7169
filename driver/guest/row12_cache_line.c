// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 12, the cache line size of memory-write-and-invalidate:
 *   row12_mwi BDF: pci_set_mwi(); returns the register that it leaves.
 *   row12_config_byte BDF OFFSET: one byte of configuration space.
 *   row12_cache_line_for BYTES: what the real pcibios_set_cache_line_size() makes of a CPU with such cache lines, in
 *   dwords; the machine's own is put back.
 */
#include <linux/kernel.h>
#include <linux/pci.h>
#include <asm/pci_x86.h>
#include <asm/processor.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

struct pci_dev *guest_find_device(int argc, char **argv);

static int config_byte(struct pci_dev *dev, int offset)
{
	u8 value;
	int rc = pci_read_config_byte(dev, offset, &value);

	return rc ? pcibios_err_to_errno(rc) : value;
}

static int row12_mwi(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	int rc;

	if (!dev)
		return -ENODEV;
	rc = pci_set_mwi(dev);
	if (!rc)
		rc = config_byte(dev, PCI_CACHE_LINE_SIZE);
	pci_dev_put(dev);
	return rc;
}

static int row12_config_byte(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	int offset, rc;

	if (!dev)
		return -ENODEV;
	rc = argc < 3 || kstrtoint(argv[2], 0, &offset) ? -EINVAL : config_byte(dev, offset);
	pci_dev_put(dev);
	return rc;
}

static int row12_cache_line_for(int argc, char **argv)
{
	u16 kept = boot_cpu_data.x86_clflush_size;
	u16 bytes;
	int dwords;

	if (argc < 2 || kstrtou16(argv[1], 0, &bytes))
		return -EINVAL;
	boot_cpu_data.x86_clflush_size = bytes;
	pcibios_set_cache_line_size();
	dwords = pci_dfl_cache_line_size;
	boot_cpu_data.x86_clflush_size = kept;
	pcibios_set_cache_line_size();
	return dwords;
}

EMUL_REGISTER("row12_mwi", EMUL_CALLABLE, row12_mwi);
EMUL_REGISTER("row12_config_byte", EMUL_CALLABLE, row12_config_byte);
EMUL_REGISTER("row12_cache_line_for", EMUL_CALLABLE, row12_cache_line_for);
