/* SPDX-License-Identifier: GPL-2.0-only */
/* In place of arch/x86/include/asm/shared/io.h: in and out enter the seam. */
#ifndef _ASM_X86_SHARED_IO_H
#define _ASM_X86_SHARED_IO_H

#include <linux/types.h>

#include "driver/shadow/mmio.h"

#define PVPCI_PORT(bwl, type)								\
	static inline void __out##bwl(type value, u16 port)				\
	{										\
		pvpci_port_write(port, sizeof(type), value);				\
	}										\
	static inline type __in##bwl(u16 port)						\
	{										\
		return pvpci_port_read(port, sizeof(type));				\
	}

PVPCI_PORT(b, u8)
PVPCI_PORT(w, u16)
PVPCI_PORT(l, u32)
#undef PVPCI_PORT

#define inb __inb
#define inw __inw
#define inl __inl
#define outb __outb
#define outw __outw
#define outl __outl

#endif
