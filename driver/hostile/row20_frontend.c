// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 20: a PCI frontend of a guest that means no good, in place of pcifront (whose driver must not be bound).
 *   row20_publish good|magic|reference|channel   publishes a ring; all but the first with one lie in it
 *   row20_fuzz SEED COUNT      that many requests with random fields; every one must be answered
 *   frontend_state N           what it says about its own state, beside pcifront
 * Layout of the ring: xen/interface/io/pciif.h.
 */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/events.h>
#include <xen/grant_table.h>
#include <xen/interface/event_channel.h>
#include <xen/interface/io/pciif.h>
#include <xen/xenbus.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/hostile/ring.h"

struct xen_pci_sharedinfo *hostile_ring;
evtchn_port_t hostile_port;

static int publish(int argc, char **argv)
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = 0 };
	const char *lie = argc > 1 ? argv[1] : "";
	int reference, rc;

	hostile_ring = (struct xen_pci_sharedinfo *)get_zeroed_page(GFP_KERNEL);
	reference = gnttab_grant_foreign_access(0, virt_to_gfn(hostile_ring), 0);
	if (reference < 0)
		return reference;
	rc = HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);
	if (rc)
		return rc;
	hostile_port = alloc.port;
	set_bit(_XEN_PCIB_AERHANDLER, (unsigned long *)&hostile_ring->flags);
	rc = xenbus_printf(XBT_NIL, "device/pci/0", "pci-op-ref", "%d", strcmp(lie, "reference") ? reference : 7777);
	if (!rc)
		rc = xenbus_printf(XBT_NIL, "device/pci/0", "event-channel", "%u",
				   strcmp(lie, "channel") ? hostile_port : 1000);
	if (!rc)
		rc = xenbus_printf(XBT_NIL, "device/pci/0", "magic", "%s", strcmp(lie, "magic") ? XEN_PCI_MAGIC : "8");
	if (!rc)
		rc = xenbus_printf(XBT_NIL, "device/pci/0", "state", "%d", XenbusStateInitialised);
	return rc;
}

EMUL_REGISTER("row20_publish", EMUL_CALLABLE, publish);

int hostile_request(void (*meanwhile)(struct xen_pci_sharedinfo *ring))
{
	unsigned int tries;

	wmb();
	set_bit(_XEN_PCIF_active, (unsigned long *)&hostile_ring->flags);
	notify_remote_via_evtchn(hostile_port);
	for (tries = 0; test_bit(_XEN_PCIF_active, (unsigned long *)&hostile_ring->flags); tries++) {
		if (tries == (meanwhile ? 10000000 : 10000))
			return -ETIMEDOUT;
		if (meanwhile)
			meanwhile(hostile_ring);
		else
			usleep_range(20, 40);
	}
	return 0;
}

static u32 random(u64 *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

/* Mostly close to what is allowed, where the code looks; sometimes anything. */
static s32 odd(u64 *state, u32 limit)
{
	return random(state) % 8 ? random(state) % limit : random(state);
}

static void compose(struct xen_pci_op *op, u64 *state)
{
	int i;

	memset(op, 0, sizeof(*op));
	op->cmd = odd(state, 11);
	op->domain = random(state) % 16 ? 0 : random(state) % 3;
	op->bus = random(state) % 16 ? 0 : random(state) % 256;
	op->devfn = random(state) % 4 ? 0 : random(state) % 256;
	op->offset = odd(state, 256);
	op->size = random(state) % 8 ? 1 << random(state) % 3 : (s32)random(state) % 9 - 4;
	op->value = op->cmd == XEN_PCI_OP_enable_msix ? odd(state, 140) : random(state);
	for (i = 0; i < SH_INFO_MAX_VEC; i++) {
		op->msix_entries[i].entry = random(state) % 4 ? i : random(state);
		op->msix_entries[i].vector = random(state);
	}
}

static int fuzz(int argc, char **argv)
{
	unsigned int count = 0, errors = 0, i;
	u64 state;

	if (argc != 3 || kstrtou64(argv[1], 0, &state) || kstrtouint(argv[2], 0, &count) || !hostile_ring)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		compose(&hostile_ring->op, &state);
		if (hostile_request(NULL))
			return -ETIMEDOUT;
		errors += hostile_ring->op.err != XEN_PCI_ERR_success;
	}
	pr_info("row20: %u requests, %u refused\n", count, errors);
	return errors && errors < count ? 0 : -ENODATA;
}

EMUL_REGISTER("row20_fuzz", EMUL_CALLABLE, fuzz);

static int frontend_state(int argc, char **argv)
{
	int value;

	if (argc != 2 || kstrtoint(argv[1], 0, &value))
		return -EINVAL;
	return xenbus_printf(XBT_NIL, "device/pci/0", "state", "%d", value);
}

EMUL_REGISTER("frontend_state", EMUL_CALLABLE, frontend_state);
