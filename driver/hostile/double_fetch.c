// SPDX-License-Identifier: GPL-2.0-only
/*
 * S-12: a frontend that rewrites its request while pciback handles it.
 *   double_fetch COUNT    COUNT requests that each switch, without pause, between two honest ones:
 *       A  read 2 bytes at 0: 0x104c           B  read 1 byte at 3: 0xb5
 *     Whoever looks twice may see an offset of one and a size of the other, whose answer neither has. 0, or -EBADMSG.
 *   double_fetch_msix COUNT    the number of MSI-X vectors switches between one and 60,000
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/hostile/ring.h"

static bool flipped;

static void flip(struct xen_pci_sharedinfo *ring)
{
	flipped = !flipped;
	WRITE_ONCE(ring->op.offset, flipped ? 3 : 0);
	WRITE_ONCE(ring->op.size, flipped ? 1 : 2);
}

static int double_fetch(int argc, char **argv)
{
	struct xen_pci_sharedinfo *ring = hostile_ring;
	unsigned int count, as_a = 0, as_b = 0;
	int rc = 0;

	if (argc != 2 || kstrtouint(argv[1], 0, &count) || !ring)
		return -EINVAL;
	while (count-- && !rc) {
		memset(&ring->op, 0, sizeof(ring->op));
		ring->op.cmd = XEN_PCI_OP_conf_read;
		ring->op.size = 2;
		flipped = false;
		rc = hostile_request(flip);
		if (!rc && !ring->op.err && ring->op.value == 0x104c)
			as_a++;
		else if (!rc && !ring->op.err && ring->op.value == 0xb5)
			as_b++;
		else if (!rc) {
			pr_err("double_fetch: error %d, value %x: neither request's\n", ring->op.err, ring->op.value);
			rc = -EBADMSG;
		}
	}
	pr_info("double_fetch: %u taken as the first request, %u as the second\n", as_a, as_b);
	return rc;
}

static void flip_count(struct xen_pci_sharedinfo *ring)
{
	flipped = !flipped;
	WRITE_ONCE(ring->op.value, flipped ? 60000 : 1);
}

static int double_fetch_msix(int argc, char **argv)
{
	struct xen_pci_sharedinfo *ring = hostile_ring;
	unsigned int count, refused = 0;
	int rc = 0;

	if (argc != 2 || kstrtouint(argv[1], 0, &count) || !ring)
		return -EINVAL;
	while (count-- && !rc) {
		memset(&ring->op, 0, sizeof(ring->op));
		ring->op.cmd = XEN_PCI_OP_enable_msix;
		ring->op.value = 1;
		flipped = false;
		rc = hostile_request(flip_count);
		refused += ring->op.err != XEN_PCI_ERR_success;
		memset(&ring->op, 0, sizeof(ring->op));
		ring->op.cmd = XEN_PCI_OP_disable_msix;
		if (!rc)
			rc = hostile_request(NULL);
	}
	pr_info("double_fetch_msix: %u refused\n", refused);
	return rc;
}

EMUL_REGISTER("double_fetch", EMUL_CALLABLE, double_fetch);
EMUL_REGISTER("double_fetch_msix", EMUL_CALLABLE, double_fetch_msix);
