/* SPDX-License-Identifier: GPL-2.0-only */
/* Difference to arch/x86/include/asm/pci_x86.h: the mmio_config_* accessors enter the seam. */
#ifndef PVPCI_SHADOW_ASM_PCI_X86_H
#define PVPCI_SHADOW_ASM_PCI_X86_H

#include <linux/types.h>

#include "driver/shadow/mmio.h"

#define mmio_config_readb pvpci_unused_config_readb
#define mmio_config_readw pvpci_unused_config_readw
#define mmio_config_readl pvpci_unused_config_readl
#define mmio_config_writeb pvpci_unused_config_writeb
#define mmio_config_writew pvpci_unused_config_writew
#define mmio_config_writel pvpci_unused_config_writel

#include_next <asm/pci_x86.h>

#undef mmio_config_readb
#undef mmio_config_readw
#undef mmio_config_readl
#undef mmio_config_writeb
#undef mmio_config_writew
#undef mmio_config_writel

#define PVPCI_CONFIG(bwl, type)								\
	static inline type mmio_config_read##bwl(void __iomem *pos)			\
	{										\
		return pvpci_mmio_read((unsigned long)pos, sizeof(type));		\
	}										\
	static inline void mmio_config_write##bwl(void __iomem *pos, type val)		\
	{										\
		pvpci_mmio_write((unsigned long)pos, sizeof(type), val);		\
	}

PVPCI_CONFIG(b, u8)
PVPCI_CONFIG(w, u16)
PVPCI_CONFIG(l, u32)
#undef PVPCI_CONFIG

#endif /* PVPCI_SHADOW_ASM_PCI_X86_H */
