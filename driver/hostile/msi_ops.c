// SPDX-License-Identifier: GPL-2.0-only
/*
 * S-13: every sequence of up to LENGTH operations on a device's interrupts, sent past pcifront:
 *   msi_ops LENGTH          each is answered, with an error code that the table below allows; 0, or -EBADMSG
 * Letters: e d enable_msi, disable_msi; x y enable_msix, disable_msix; o m COMMAND without and with memory decode.
 */
#include <linux/kernel.h>
#include <linux/pci_regs.h>
#include <linux/string.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/hostile/ring.h"

static const char letters[] = "edxyom";
#define LETTERS 6
#define LONGEST 8

static unsigned int sequences, operations, refused;

static int operate(char letter)
{
	struct xen_pci_sharedinfo *ring = hostile_ring;
	struct xen_pci_op *op = &ring->op;
	int rc;

	memset(op, 0, sizeof(*op));
	switch (letter) {
	case 'e': op->cmd = XEN_PCI_OP_enable_msi; break;
	case 'd': op->cmd = XEN_PCI_OP_disable_msi; break;
	case 'x':
		op->cmd = XEN_PCI_OP_enable_msix;
		op->value = 2;
		op->msix_entries[1].entry = 1;
		break;
	case 'y': op->cmd = XEN_PCI_OP_disable_msix; break;
	default:
		op->cmd = XEN_PCI_OP_conf_write;
		op->offset = PCI_COMMAND;
		op->size = 2;
		op->value = letter == 'm' ? PCI_COMMAND_MEMORY : 0;
	}
	rc = hostile_request(NULL);
	operations++;
	refused += op->err != XEN_PCI_ERR_success;
	if (rc)
		return rc;
	/* abi.md 3.2, S24: what pciback may say. Anything else is a handler that ran where it should not. */
	switch (op->err) {
	case XEN_PCI_ERR_success:
	case XEN_PCI_ERR_op_failed:
	case -EALREADY:
	case -ENXIO:
	case -EINVAL:
	case -ENOSPC:
	case -EBUSY:
		return 0;
	}
	pr_err("msi_ops: '%c' answered with %d\n", letter, op->err);
	return -EBADMSG;
}

/* As the device was at first: neither kind on, memory decoded. */
static int settle(void)
{
	int rc = operate('d');

	if (!rc)
		rc = operate('y');
	return rc ? rc : operate('m');
}

static int msi_ops(int argc, char **argv)
{
	unsigned int length, digits[LONGEST] = { 0 }, i;
	int rc = 0;

	if (argc != 2 || kstrtouint(argv[1], 0, &length) || !length || length > LONGEST || !hostile_ring)
		return -EINVAL;
	/* All of the full length: the shorter ones are their beginnings. */
	for (;;) {
		for (i = 0; i < length && !rc; i++)
			rc = operate(letters[digits[i]]);
		sequences++;
		if (!rc)
			rc = settle();
		if (rc)
			break;
		for (i = 0; i < length && ++digits[i] == LETTERS; i++)
			digits[i] = 0;
		if (i == length)
			break;
	}
	pr_info("msi_ops: %u sequences, %u operations, %u refused\n", sequences, operations, refused);
	return rc;
}

EMUL_REGISTER("msi_ops", EMUL_CALLABLE, msi_ops);
