/* SPDX-License-Identifier: GPL-2.0-only */
/* The PCI ring that row20_publish made, for hostile frontends that write to it as they like. */
#ifndef PVPCI_DRIVER_HOSTILE_RING_H
#define PVPCI_DRIVER_HOSTILE_RING_H

#include <xen/events.h>
#include <xen/interface/io/pciif.h>

extern struct xen_pci_sharedinfo *hostile_ring;
extern evtchn_port_t hostile_port;

/* Sends what stands in the ring; `meanwhile` is called again and again until the answer is there. 0 or -ETIMEDOUT. */
int hostile_request(void (*meanwhile)(struct xen_pci_sharedinfo *ring));

#endif /* PVPCI_DRIVER_HOSTILE_RING_H */
