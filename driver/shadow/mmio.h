/* SPDX-License-Identifier: GPL-2.0-only */
/* The seam's side of the accessors (driver/env/iomem.c). */
#ifndef PVPCI_SHADOW_MMIO_H
#define PVPCI_SHADOW_MMIO_H

extern unsigned long pvpci_mmio_read(unsigned long va, unsigned int size);
extern void pvpci_mmio_write(unsigned long va, unsigned int size, unsigned long value);
extern unsigned int pvpci_port_read(unsigned short port, unsigned int size);
extern void pvpci_port_write(unsigned short port, unsigned int size, unsigned int value);

#endif /* PVPCI_SHADOW_MMIO_H */
