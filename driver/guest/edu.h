/* SPDX-License-Identifier: GPL-2.0-only */
/* QEMU's educational device in use: driver/guest/edu.c. */
#ifndef PVPCI_DRIVER_GUEST_EDU_H
#define PVPCI_DRIVER_GUEST_EDU_H

#include <linux/completion.h>
#include <linux/pci.h>

struct edu {
	struct pci_dev *dev;
	void __iomem *bar;
	struct completion raised;
	u32 seen;
	u8 *memory;
	dma_addr_t bus;
};

/* Takes edu->dev into use: enabled, mastering the bus, one vector with a handler, a page for DMA. 0 or -errno. */
int edu_open(struct edu *edu);
/* One DMA into the device, one back, one interrupt, everything checked. `round` varies the data. */
int edu_round(struct edu *edu, u32 round);
void edu_close(struct edu *edu);

#endif /* PVPCI_DRIVER_GUEST_EDU_H */
