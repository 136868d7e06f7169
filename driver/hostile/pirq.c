// SPDX-License-Identifier: GPL-2.0-only
/*
 * S-24: hypercalls on pirqs, past events_base.c. Each answers what the hypervisor answered.
 *   pirq bind PIRQ                   EVTCHNOP_bind_pirq; 0 keeps the port for "close"
 *   pirq close                       the port bound last
 *   pirq eoi PIRQ                    PHYSDEVOP_eoi
 *   pirq query PIRQ                  PHYSDEVOP_irq_status_query
 *   pirq unmap DOMAIN PIRQ           PHYSDEVOP_unmap_pirq; DOMAIN 0x7ff0 is the caller
 *   pirq map DOMAIN BUS DEVFN        PHYSDEVOP_map_pirq, MSI of that function
 *   pirq gsi DOMAIN GSI              PHYSDEVOP_map_pirq, a line
 *   pirq prepare BUS DEVFN           PHYSDEVOP_prepare_msix
 *   pirq release BUS DEVFN           PHYSDEVOP_release_msix
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/xen/hypercall.h>
#include <xen/interface/event_channel.h>
#include <xen/interface/physdev.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

static evtchn_port_t port;

static int bind(u32 pirq)
{
	struct evtchn_bind_pirq op = { .pirq = pirq };
	int rc = HYPERVISOR_event_channel_op(EVTCHNOP_bind_pirq, &op);

	if (!rc)
		port = op.port;
	return rc;
}

static int map(u16 domain, int type, int index, u32 bus, u32 devfn)
{
	struct physdev_map_pirq op = {
		.domid = domain, .type = type, .index = index, .pirq = type == MAP_PIRQ_TYPE_GSI ? index : -1,
		.bus = bus, .devfn = devfn,
	};
	int rc = HYPERVISOR_physdev_op(PHYSDEVOP_map_pirq, &op);

	return rc ? rc : op.pirq;
}

static int msix(int op, u32 bus, u32 devfn)
{
	struct physdev_pci_device device = { .bus = bus, .devfn = devfn };

	return HYPERVISOR_physdev_op(op, &device);
}

static int pirq(int argc, char **argv)
{
	s64 a[3] = { 0 };
	int i;

	if (argc < 2 || argc > 5)
		return -EINVAL;
	for (i = 2; i < argc; i++)
		if (kstrtos64(argv[i], 0, &a[i - 2]))
			return -EINVAL;
	if (!strcmp(argv[1], "bind"))
		return bind(a[0]);
	if (!strcmp(argv[1], "close")) {
		struct evtchn_close op = { .port = port };

		return HYPERVISOR_event_channel_op(EVTCHNOP_close, &op);
	}
	if (!strcmp(argv[1], "eoi")) {
		struct physdev_eoi op = { .irq = a[0] };

		return HYPERVISOR_physdev_op(PHYSDEVOP_eoi, &op);
	}
	if (!strcmp(argv[1], "query")) {
		struct physdev_irq_status_query op = { .irq = a[0] };

		return HYPERVISOR_physdev_op(PHYSDEVOP_irq_status_query, &op);
	}
	if (!strcmp(argv[1], "unmap")) {
		struct physdev_unmap_pirq op = { .domid = a[0], .pirq = a[1] };

		return HYPERVISOR_physdev_op(PHYSDEVOP_unmap_pirq, &op);
	}
	if (!strcmp(argv[1], "map"))
		return map(a[0], MAP_PIRQ_TYPE_MSI_SEG, -1, a[1], a[2]);
	if (!strcmp(argv[1], "gsi"))
		return map(a[0], MAP_PIRQ_TYPE_GSI, a[1], 0, 0);
	if (!strcmp(argv[1], "prepare"))
		return msix(PHYSDEVOP_prepare_msix, a[0], a[1]);
	if (!strcmp(argv[1], "release"))
		return msix(PHYSDEVOP_release_msix, a[0], a[1]);
	return -EINVAL;
}

EMUL_REGISTER("pirq", EMUL_CALLABLE, pirq);
