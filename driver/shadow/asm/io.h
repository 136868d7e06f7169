/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Difference to arch/x86/include/asm/io.h: read[bwlq], write[bwlq] and their __ forms enter the seam. Device memory is
 * never mapped, so whoever bypasses them faults and is named.
 */
#ifndef PVPCI_SHADOW_ASM_IO_H
#define PVPCI_SHADOW_ASM_IO_H

#include <linux/compiler.h>
#include <linux/types.h>

#include "driver/shadow/mmio.h"

#define PVPCI_DECLARE(bwlq, type)							\
	static inline type read##bwlq(const volatile void __iomem *addr);		\
	static inline void write##bwlq(type val, volatile void __iomem *addr)

PVPCI_DECLARE(b, unsigned char);
PVPCI_DECLARE(w, unsigned short);
PVPCI_DECLARE(l, unsigned int);
PVPCI_DECLARE(q, u64);
#undef PVPCI_DECLARE

/* The originals' definitions get these names and no caller. */
#define readb pvpci_unused_readb
#define readw pvpci_unused_readw
#define readl pvpci_unused_readl
#define readq pvpci_unused_readq
#define writeb pvpci_unused_writeb
#define writew pvpci_unused_writew
#define writel pvpci_unused_writel
#define writeq pvpci_unused_writeq
#define __readb pvpci_unused___readb
#define __readw pvpci_unused___readw
#define __readl pvpci_unused___readl
#define __readq pvpci_unused___readq
#define __writeb pvpci_unused___writeb
#define __writew pvpci_unused___writew
#define __writel pvpci_unused___writel
#define __writeq pvpci_unused___writeq

#include_next <asm/io.h>

#undef __readb
#undef __readw
#undef __readl
#undef __readq
#undef __writeb
#undef __writew
#undef __writel
#undef __writeq

#define PVPCI_DEFINE(bwlq, type)							\
	static inline type read##bwlq(const volatile void __iomem *addr)		\
	{										\
		return pvpci_mmio_read((unsigned long)addr, sizeof(type));		\
	}										\
	static inline type __read##bwlq(const volatile void __iomem *addr)		\
	{										\
		return pvpci_mmio_read((unsigned long)addr, sizeof(type));		\
	}										\
	static inline void write##bwlq(type val, volatile void __iomem *addr)		\
	{										\
		pvpci_mmio_write((unsigned long)addr, sizeof(type), val);		\
	}										\
	static inline void __write##bwlq(type val, volatile void __iomem *addr)		\
	{										\
		pvpci_mmio_write((unsigned long)addr, sizeof(type), val);		\
	}

PVPCI_DEFINE(b, unsigned char)
PVPCI_DEFINE(w, unsigned short)
PVPCI_DEFINE(l, unsigned int)
PVPCI_DEFINE(q, u64)
#undef PVPCI_DEFINE

#endif /* PVPCI_SHADOW_ASM_IO_H */
