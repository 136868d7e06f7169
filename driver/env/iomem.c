// SPDX-License-Identifier: GPL-2.0-only
/* The guest's end of the seam for device memory and ports; lib/iomem.c's string copies go through it too. */
#include <linux/export.h>
#include <linux/io.h>
#include <linux/types.h>

#include "emul.h"

noinline unsigned long pvpci_mmio_read(unsigned long va, unsigned int size)
{
	return emul_call(SEAM_MMIO_READ, va, size, 0, 0);
}

noinline void pvpci_mmio_write(unsigned long va, unsigned int size, unsigned long value)
{
	emul_call(SEAM_MMIO_WRITE, va, size, value, 0);
}

noinline unsigned int pvpci_port_read(unsigned short port, unsigned int size)
{
	return emul_call(SEAM_PORT_READ, port, size, 0, 0);
}

noinline void pvpci_port_write(unsigned short port, unsigned int size, unsigned int value)
{
	emul_call(SEAM_PORT_WRITE, port, size, value, 0);
}

void memcpy_fromio(void *to, const volatile void __iomem *from, size_t n)
{
	char *d = to;

	EMUL("string copies from device memory go through the seam");
	for (; n; n--)
		*d++ = readb(from++);
}

void memcpy_toio(volatile void __iomem *to, const void *from, size_t n)
{
	const char *s = from;

	EMUL("string copies to device memory go through the seam");
	for (; n; n--)
		writeb(*s++, to++);
}

void memset_io(volatile void __iomem *a, int b, size_t c)
{
	EMUL("string copies to device memory go through the seam");
	for (; c; c--)
		writeb(b, a++);
}
