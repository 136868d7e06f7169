// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drives the attack device of models/pci/attacker.h, whose registers are its own:
 *   attacker BDF read|write ADDRESS BYTES [COUNT [STRIDE]]   one command, and waits for it; -EIO: one was refused
 *   attacker_aim BDF ADDRESS BYTES COUNT STRIDE              fills the registers only
 *   attacker_go BDF read|write                               sends what they say now; does not wait
 *   attacker_fence BDF                                       writes to a page that the bench guards against the kernel's code
 *   attacker_stream BDF COUNT NS                             writes to 512 mapped pages in turn, and goes on
 *   attacker_memory BDF [TEXT]                               the device's own memory: writes TEXT, or prints it
 *   attacker_stop BDF                                        bus mastering off, as a driver's remove does
 *   forge_sweep BDF                                          every vector, delivery mode and three destinations, as messages
 *   forge_handles BDF FIRST LAST                             entries of the interrupt remapping table
 *   forge_range BDF MODE FIRST LAST DESTINATION              vectors FIRST..LAST of one delivery mode to one local APIC
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <asm/xen/page.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

struct pci_dev *guest_find_device(int argc, char **argv);

enum {
	INTERVAL = 0x04, SPAN = 0x2c, ADDRESS_LOW = 0x08, ADDRESS_HIGH = 0x0c, LENGTH = 0x10, PATTERN = 0x18, REPEAT = 0x1c, STRIDE_LOW = 0x20,
	STRIDE_HIGH = 0x24, COMMAND = 0x30, STATUS = 0x34, ERRORS = 0x3c,
};
enum { FIXED, LOWEST, SMI, RESERVED, NMI, INIT, START_UP, EXT_INT, MODES };
#define EVERYBODY 0xff
#define IDLE 7	/* a processor that no vCPU runs on */
enum { SEND_READ = 1, SEND_WRITE = 3, SEND_MESSAGE = 4 };
#define STATUS_BUSY BIT(0)
#define MARK 0x41414141		/* what it writes */

static void __iomem *open_device(struct pci_dev *dev)
{
	void __iomem *bar;

	if (!dev || pci_enable_device(dev))
		return NULL;
	pci_set_master(dev);
	bar = pci_iomap(dev, 0, 0);
	if (!bar)
		pci_disable_device(dev);
	return bar;
}

static noinline void aim(void __iomem *bar, u64 address, u32 bytes, u32 count, u64 stride)
{
	writel(lower_32_bits(address), bar + ADDRESS_LOW);
	writel(upper_32_bits(address), bar + ADDRESS_HIGH);
	writel(bytes, bar + LENGTH);
	writel(MARK, bar + PATTERN);
	writel(count, bar + REPEAT);
	writel(lower_32_bits(stride), bar + STRIDE_LOW);
	writel(upper_32_bits(stride), bar + STRIDE_HIGH);
}

static int wait_for(void __iomem *bar)
{
	int tries;

	for (tries = 0; readl(bar + STATUS) & STATUS_BUSY; tries++) {
		if (tries == 10000)
			return -ETIMEDOUT;
		usleep_range(10, 20);
	}
	return readl(bar + ERRORS) ? -EIO : 0;
}

static u32 command_of(const char *word)
{
	return strcmp(word, "read") ? SEND_WRITE : SEND_READ;
}

static int parse(int argc, char **argv, int first, u64 *values, int least, int most)
{
	int i;

	for (i = 0; i < most && first + i < argc; i++)
		if (kstrtou64(argv[first + i], 0, &values[i]))
			return -EINVAL;
	return i < least ? -EINVAL : 0;
}

static int attacker(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	u64 values[4] = { 0, 4, 1, 0 };
	void __iomem *bar;
	int rc = -ENODEV;

	if (argc < 5 || parse(argc, argv, 3, values, 2, 4))
		return -EINVAL;
	bar = open_device(dev);
	if (bar) {
		aim(bar, values[0], values[1], values[2], values[3]);
		writel(command_of(argv[2]), bar + COMMAND);
		rc = wait_for(bar);
		pci_iounmap(dev, bar);
	}
	pci_dev_put(dev);
	return rc;
}

static int attacker_fence(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	void __iomem *bar = open_device(dev);
	u32 *page = (u32 *)get_zeroed_page(GFP_KERNEL);
	int rc = -ENODEV;

	if (bar && page) {
		emul_call(SEAM_MAP, SEAM_MAP_GUARD, page, PAGE_SIZE, SEAM_GUARD_STACK);
		aim(bar, virt_to_machine(page).maddr, sizeof(*page), 1, 0);
		writel(SEND_WRITE, bar + COMMAND);
		rc = wait_for(bar);
		emul_call(SEAM_MAP, SEAM_MAP_UNGUARD, page, PAGE_SIZE, 0);
		if (!rc && *page != MARK)
			rc = -EILSEQ;
	}
	if (bar)
		pci_iounmap(dev, bar);
	free_page((unsigned long)page);
	pci_dev_put(dev);
	return rc;
}

static int attacker_aim(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	void __iomem *bar;
	u64 values[4];

	if (parse(argc, argv, 2, values, 4, 4))
		return -EINVAL;
	bar = open_device(dev);
	if (!bar)
		return -ENODEV;
	aim(bar, values[0], values[1], values[2], values[3]);
	pci_iounmap(dev, bar);
	pci_dev_put(dev);
	return 0;
}

static int attacker_go(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	void __iomem *bar;

	if (argc < 3)
		return -EINVAL;
	bar = open_device(dev);
	if (!bar)
		return -ENODEV;
	writel(command_of(argv[2]), bar + COMMAND);
	pci_iounmap(dev, bar);
	pci_dev_put(dev);
	return 0;
}

static int attacker_stop(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);

	if (!dev)
		return -ENODEV;
	pci_clear_master(dev);
	pci_dev_put(dev);
	return 0;
}

/* Messages in compatibility format, Intel SDM 3A 11.11: destination in the address, vector and delivery mode in the data. */
static int forge(void __iomem *bar, u32 mode, u32 vector, u32 destination)
{
	writel(0xfee00000 | destination << 12, bar + ADDRESS_LOW);
	writel(0, bar + ADDRESS_HIGH);
	writel(1, bar + REPEAT);
	writel(vector | mode << 8, bar + PATTERN);
	writel(SEND_MESSAGE, bar + COMMAND);
	return wait_for(bar) == -ETIMEDOUT ? -ETIMEDOUT : 0;
}

static int forge_sweep(int argc, char **argv)
{
	static const u32 destinations[] = { 0, 1, EVERYBODY };
	struct pci_dev *dev = guest_find_device(argc, argv);
	void __iomem *bar = open_device(dev);
	u32 mode, vector, i;
	int rc = 0;

	if (!bar)
		return -ENODEV;
	for (i = 0; i < ARRAY_SIZE(destinations); i++)
		for (mode = 0; mode < MODES && !rc; mode++) {
			if (mode == INIT && destinations[i] != 1)
				continue;	/* the machine would be gone */
			/* Beyond fixed and lowest priority the vector does not matter. */
			for (vector = 0; vector < (mode > LOWEST ? 1 : 256) && !rc; vector++)
				rc = forge(bar, mode, vector, mode == INIT ? IDLE : destinations[i]);
		}
	pci_iounmap(dev, bar);
	pci_dev_put(dev);
	return rc;
}

/* Remappable format, VT-d 5.1.2.2: an index into the interrupt remapping table. */
static int forge_handles(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	void __iomem *bar;
	u64 values[2], handle;
	int rc = 0;

	if (parse(argc, argv, 2, values, 2, 2))
		return -EINVAL;
	bar = open_device(dev);
	if (!bar)
		return -ENODEV;
	for (handle = values[0]; handle <= values[1] && rc != -ETIMEDOUT; handle++) {
		writel(0xfee00010 | (handle & 0x7fff) << 5 | (handle >> 15 & 1) << 2, bar + ADDRESS_LOW);
		writel(0, bar + ADDRESS_HIGH);
		writel(1, bar + REPEAT);
		writel(0, bar + PATTERN);
		writel(SEND_MESSAGE, bar + COMMAND);
		rc = wait_for(bar);
	}
	pci_iounmap(dev, bar);
	pci_dev_put(dev);
	return rc == -ETIMEDOUT ? rc : 0;
}

static int forge_range(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	void __iomem *bar;
	u64 values[4], vector;
	int rc = 0;

	if (parse(argc, argv, 2, values, 4, 4))
		return -EINVAL;
	bar = open_device(dev);
	if (!bar)
		return -ENODEV;
	for (vector = values[1]; vector <= values[2] && !rc; vector++)
		rc = forge(bar, values[0], vector, values[3]);
	pci_iounmap(dev, bar);
	pci_dev_put(dev);
	return rc;
}

#define BUFFER 0x10000
#define BUFFER_SHOWN 64

/* attacker_memory BDF [TEXT]: leaves TEXT in the device's own memory, or prints what is there. */
static int attacker_memory(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	void __iomem *bar = open_device(dev);
	char text[BUFFER_SHOWN + 1] = "";
	u16 command;
	unsigned int i;

	if (!bar)
		return -ENODEV;
	if (argc > 2) {
		strscpy(text, argv[2], sizeof(text));
		for (i = 0; i < BUFFER_SHOWN; i++)
			writeb(text[i], bar + BUFFER + i);
	} else {
		pci_read_config_word(dev, PCI_COMMAND, &command);
		for (i = 0; i < BUFFER_SHOWN; i++)
			text[i] = readb(bar + BUFFER + i);
		pr_info("attacker_memory: '%s', busy %u\n", text, readl(bar + STATUS) & STATUS_BUSY);
	}
	pci_iounmap(dev, bar);
	pci_dev_put(dev);
	return 0;
}

#define STREAM_ORDER 9
#define STREAM_PAGES (1 << STREAM_ORDER)

/* attacker_stream BDF COUNT NS: writes 64 bytes to each of 512 mapped pages in turn, NS apart, COUNT times; does not wait. */
static int attacker_stream(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	dma_addr_t bus = 0, next;
	void __iomem *bar;
	unsigned long va;
	u64 values[2];
	int i;

	if (parse(argc, argv, 2, values, 2, 2))
		return -EINVAL;
	bar = open_device(dev);
	va = __get_free_pages(GFP_KERNEL, STREAM_ORDER);
	if (!bar || !va)
		return -ENODEV;
	dma_set_mask(&dev->dev, DMA_BIT_MASK(64));
	for (i = 0; i < STREAM_PAGES; i++) {
		next = dma_map_single(&dev->dev, (void *)va + i * PAGE_SIZE, PAGE_SIZE, DMA_FROM_DEVICE);
		if (dma_mapping_error(&dev->dev, next) || (i && next != bus + i * PAGE_SIZE))
			return -EIO;
		if (!i)
			bus = next;
	}
	writel(values[1], bar + INTERVAL);
	writel(STREAM_PAGES, bar + SPAN);
	aim(bar, bus, 64, values[0], PAGE_SIZE);
	writel(SEND_WRITE, bar + COMMAND);
	pci_iounmap(dev, bar);
	pci_dev_put(dev);
	return 0;
}

EMUL_REGISTER("attacker_memory", EMUL_CALLABLE, attacker_memory);
EMUL_REGISTER("attacker_stream", EMUL_CALLABLE, attacker_stream);
EMUL_REGISTER("attacker", EMUL_CALLABLE, attacker);
EMUL_REGISTER("attacker_aim", EMUL_CALLABLE, attacker_aim);
EMUL_REGISTER("attacker_fence", EMUL_CALLABLE, attacker_fence);
EMUL_REGISTER("attacker_go", EMUL_CALLABLE, attacker_go);
EMUL_REGISTER("attacker_stop", EMUL_CALLABLE, attacker_stop);
EMUL_REGISTER("forge_sweep", EMUL_CALLABLE, forge_sweep);
EMUL_REGISTER("forge_handles", EMUL_CALLABLE, forge_handles);
EMUL_REGISTER("forge_range", EMUL_CALLABLE, forge_range);
