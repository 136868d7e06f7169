// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small honest driver for QEMU's educational device (1234:11e8), as kernel C that a scenario starts by name:
 *   edu ROUNDS: per round one DMA into the device, one back, one interrupt, everything checked.
 *   edu_stream COUNT: so many reads of a page by the device, one after the other; prints what one took.
 * Register map: QEMU docs/specs/edu.rst.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/pci.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "edu.h"

enum {
	ID = 0x00, LIVENESS = 0x04, FACTORIAL = 0x08, STATUS = 0x20, IRQ_STATUS = 0x24, IRQ_RAISE = 0x60, IRQ_ACK = 0x64,
	DMA_SRC = 0x80, DMA_DST = 0x88, DMA_COUNT = 0x90, DMA_CMD = 0x98, BUFFER = 0x40000,
};
#define CMD_START BIT(0)
#define CMD_TO_RAM BIT(1)
#define STATUS_COMPUTING BIT(0)
#define CHUNK 64

static irqreturn_t edu_interrupt(int irq, void *data)
{
	struct edu *edu = data;
	u32 status = readl(edu->bar + IRQ_STATUS);

	if (!status)
		return IRQ_NONE;
	writel(status, edu->bar + IRQ_ACK);
	edu->seen |= status;
	complete(&edu->raised);
	return IRQ_HANDLED;
}

static int wait_dma(struct edu *edu)
{
	int tries;

	for (tries = 0; tries < 1000; tries++) {
		if (!(readq(edu->bar + DMA_CMD) & CMD_START))
			return 0;
		usleep_range(1, 2);
	}
	return -ETIMEDOUT;
}

static int transfer(struct edu *edu, u64 from, u64 to, u64 command)
{
	writeq(from, edu->bar + DMA_SRC);
	writeq(to, edu->bar + DMA_DST);
	writeq(CHUNK, edu->bar + DMA_COUNT);
	writeq(command, edu->bar + DMA_CMD);
	return wait_dma(edu);
}

int edu_round(struct edu *edu, u32 round)
{
	u8 *memory = edu->memory;
	int i, rc;

	for (i = 0; i < CHUNK; i++)
		memory[i] = round * 7 + i;
	rc = transfer(edu, edu->bus, BUFFER, CMD_START);
	if (rc)
		return rc;
	memset(memory, 0, CHUNK);
	rc = transfer(edu, BUFFER, edu->bus, CMD_START | CMD_TO_RAM);
	if (rc)
		return rc;
	for (i = 0; i < CHUNK; i++)
		if (memory[i] != (u8)(round * 7 + i))
			return -EILSEQ;
	edu->seen = 0;
	reinit_completion(&edu->raised);
	writel(round | 1, edu->bar + IRQ_RAISE);
	if (!wait_for_completion_timeout(&edu->raised, HZ))
		return -ETIME;
	return edu->seen == (round | 1) ? 0 : -EPROTO;
}

static int check_registers(struct edu *edu)
{
	if ((readl(edu->bar + ID) & 0xffff) != 0x00ed)
		return -ENXIO;
	writel(0x12345678, edu->bar + LIVENESS);
	if (readl(edu->bar + LIVENESS) != ~0x12345678U)
		return -EIO;
	writel(5, edu->bar + FACTORIAL);
	while (readl(edu->bar + STATUS) & STATUS_COMPUTING)
		usleep_range(1, 2);
	return readl(edu->bar + FACTORIAL) == 120 ? 0 : -EDOM;
}

void edu_close(struct edu *edu)
{
	if (edu->memory) {
		free_irq(pci_irq_vector(edu->dev, 0), edu);
		dma_free_coherent(&edu->dev->dev, PAGE_SIZE, edu->memory, edu->bus);
	}
	if (edu->bar)
		pci_iounmap(edu->dev, edu->bar);
	pci_free_irq_vectors(edu->dev);
	pci_disable_device(edu->dev);
}

int edu_open(struct edu *edu)
{
	int rc;

	edu->bar = NULL;
	edu->memory = NULL;
	init_completion(&edu->raised);
	rc = pci_enable_device(edu->dev);
	if (rc)
		return rc;
	pci_set_master(edu->dev);
	rc = dma_set_mask_and_coherent(&edu->dev->dev, DMA_BIT_MASK(28));	/* its address lines */
	if (!rc) {
		rc = pci_alloc_irq_vectors(edu->dev, 1, 1, PCI_IRQ_ALL_TYPES);
		rc = rc < 0 ? rc : 0;
	}
	if (!rc) {
		edu->bar = pci_iomap(edu->dev, 0, 0);
		rc = edu->bar ? check_registers(edu) : -ENOMEM;
	}
	if (!rc) {
		edu->memory = dma_alloc_coherent(&edu->dev->dev, PAGE_SIZE, &edu->bus, GFP_KERNEL);
		rc = edu->memory ? request_irq(pci_irq_vector(edu->dev, 0), edu_interrupt, IRQF_SHARED, "edu", edu) :
				   -ENOMEM;
		if (rc && edu->memory) {
			dma_free_coherent(&edu->dev->dev, PAGE_SIZE, edu->memory, edu->bus);
			edu->memory = NULL;
		}
	}
	if (rc)
		edu_close(edu);
	return rc;
}

static int edu(int argc, char **argv)
{
	struct edu edu = { .dev = pci_get_device(0x1234, 0x11e8, NULL) };
	unsigned int rounds = 1, round;
	int rc;

	if (argc > 1 && kstrtouint(argv[1], 0, &rounds))
		return -EINVAL;
	if (!edu.dev)
		return -ENODEV;
	rc = edu_open(&edu);
	for (round = 1; round <= rounds && !rc; round++)
		rc = edu_round(&edu, round);
	if (edu.memory)
		edu_close(&edu);
	pci_dev_put(edu.dev);
	return rc;
}

EMUL_REGISTER("edu", EMUL_CALLABLE, edu);

/* The first read is not counted: whoever else begins at the same time has begun by its end. */
static int edu_stream(int argc, char **argv)
{
	struct edu edu = { .dev = pci_get_device(0x1234, 0x11e8, NULL) };
	unsigned int count = 1, done;
	s64 begin = 0;
	int rc;

	if (argc > 1 && (kstrtouint(argv[1], 0, &count) || !count))
		return -EINVAL;
	if (!edu.dev)
		return -ENODEV;
	rc = edu_open(&edu);
	for (done = 0; done <= count && !rc; done++) {
		if (done == 1)
			begin = ktime_get_ns();
		writeq(edu.bus, edu.bar + DMA_SRC);
		writeq(BUFFER, edu.bar + DMA_DST);
		writeq(PAGE_SIZE, edu.bar + DMA_COUNT);
		writeq(CMD_START, edu.bar + DMA_CMD);
		while (readq(edu.bar + DMA_CMD) & CMD_START)
			cpu_relax();
	}
	if (!rc)
		pr_info("streamed, a page takes %lld ns\n", (ktime_get_ns() - begin) / (s64)count);
	if (edu.memory)
		edu_close(&edu);
	pci_dev_put(edu.dev);
	return rc;
}

EMUL_REGISTER("edu_stream", EMUL_CALLABLE, edu_stream);
