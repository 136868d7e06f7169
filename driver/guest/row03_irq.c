// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a passed-through interrupt, one call of the irq core at a time, so that a scenario can look at what each
 * one asks of the hypervisor (rows 03 and 11):
 *   row03 open BDF TYPE     enable the endpoint, allocate one vector; TYPE 0 INTx, 1 MSI, 2 MSI-X
 *   row03 request|free|mask|unmask|close BDF
 *   row03 race BDF          as request, and vCPU 1 makes the device interrupt 300 us later
 *   row03 raise BDF         the device interrupts; answers when it must have arrived
 *   row03 burst BDF N       N times, as fast as this vCPU can
 *   row03 slow BDF 0|1      1: the handler does not return before 0
 *   row03 affinity BDF CPU  moves the irq
 *   row03 handled BDF N     the handler has run N times since the last request
 *   row03 called BDF N      it was asked N times, whosever the interrupt was
 *   row03 share BDF BDF     both have the same Linux irq
 *   row03 zero BDF          port 0, which is nobody's, leads to its irq
 *   row03 hold BDF FLAGS    binds its pirq by hypercall, without an irq; answers what the hypervisor answers
 *   row03 drop BDF          and closes that port
 *   row03 alone             takes drivers/misc/pci_endpoint_test.c away, as rmmod would: the endpoints are its
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/pci.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/guest/ports.h"

enum { COMMAND = 0x04, STATUS = 0x08, IRQ_TYPE = 0x24, IRQ_NUMBER = 0x28 };
#define STATUS_IRQ_RAISED BIT(6)
#define ARRIVAL_US 200	/* the command, the interrupt, its handler: some microseconds each */

struct line {
	struct pci_dev *dev;
	void __iomem *bar;
	u32 type;
	int irq;
	bool requested, slow;
	unsigned int called, handled;
	evtchn_port_t held;
};
static struct line lines[4];

static irqreturn_t row03_interrupt(int irq, void *data)
{
	struct line *line = data;
	u32 status = readl(line->bar + STATUS);

	line->called++;
	if (!(status & STATUS_IRQ_RAISED))
		return IRQ_NONE;
	line->handled++;
	writel(status & ~STATUS_IRQ_RAISED, line->bar + STATUS);
	readl(line->bar + STATUS);	/* the line has fallen before the EOI */
	while (READ_ONCE(line->slow))
		udelay(1);
	return IRQ_HANDLED;
}

static struct line *find(const char *bdf)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(lines); i++)
		if (lines[i].dev && !strcmp(pci_name(lines[i].dev), bdf))
			return &lines[i];
	return NULL;
}

static int open_line(const char *bdf, u32 type)
{
	struct pci_dev *dev = NULL;
	struct line *line;
	int i, rc;

	for (i = 0; i < ARRAY_SIZE(lines) && lines[i].dev; i++)
		;
	if (i == ARRAY_SIZE(lines) || find(bdf))
		return -EBUSY;
	for_each_pci_dev(dev)
		if (!strcmp(pci_name(dev), bdf))
			break;
	if (!dev)
		return -ENODEV;
	line = &lines[i];
	*line = (struct line){ .dev = dev, .type = type };
	rc = pci_enable_device(dev);
	if (rc)
		goto put;
	pci_set_master(dev);
	rc = pci_alloc_irq_vectors(dev, 1, 1, type == 2 ? PCI_IRQ_MSIX : type == 1 ? PCI_IRQ_MSI :
				   PCI_IRQ_ALL_TYPES & ~(PCI_IRQ_MSI | PCI_IRQ_MSIX));
	if (rc < 0)
		goto disable;
	line->irq = pci_irq_vector(dev, 0);
	line->bar = pci_iomap(dev, 0, 0);
	if (line->bar)
		return 0;
	rc = -ENOMEM;
	pci_free_irq_vectors(dev);
disable:
	pci_disable_device(dev);
put:
	line->dev = NULL;
	pci_dev_put(dev);
	return rc;
}

static void close_line(struct line *line)
{
	pci_iounmap(line->dev, line->bar);
	pci_free_irq_vectors(line->dev);
	pci_disable_device(line->dev);
	pci_dev_put(line->dev);
	line->dev = NULL;
}

static int request(struct line *line)
{
	int rc;

	line->called = line->handled = 0;
	rc = request_irq(line->irq, row03_interrupt, line->type ? 0 : IRQF_SHARED, "row03", line);
	line->requested = !rc;
	return rc;
}

static void raise(struct line *line)
{
	writel(line->type, line->bar + IRQ_TYPE);
	writel(line->type ? 1 : 0, line->bar + IRQ_NUMBER);
	writel(BIT(line->type), line->bar + COMMAND);
}

static int hold(struct line *line, u32 flags)
{
	struct evtchn_bind_pirq bind = { .pirq = xen_pirq_from_irq(line->irq), .flags = flags };
	int rc = HYPERVISOR_event_channel_op(EVTCHNOP_bind_pirq, &bind);

	line->held = rc ? 0 : bind.port;
	return rc;
}

static void raise_later(void *data)
{
	udelay(300);
	raise(data);
}

static int race(struct line *line)
{
	static call_single_data_t csd;

	if (num_online_cpus() < 2)
		return -EINVAL;
	INIT_CSD(&csd, raise_later, line);
	smp_call_function_single_async(1, &csd);
	return request(line);
}

static int row03(int argc, char **argv)
{
	struct line *line = argc > 2 ? find(argv[2]) : NULL;
	unsigned int number = 0;

	if (argc == 2 && !strcmp(argv[1], "alone")) {
		struct device_driver *driver = driver_find("pci-endpoint-test", &pci_bus_type);

		if (!driver)
			return -ENOENT;
		pci_unregister_driver(to_pci_driver(driver));
		return 0;
	}
	if (argc < 3 || (argc > 3 && !strchr(argv[3], ':') && kstrtouint(argv[3], 0, &number)))
		return -EINVAL;
	if (!strcmp(argv[1], "open"))
		return open_line(argv[2], number);
	if (!line)
		return -ENODEV;
	if (!strcmp(argv[1], "request"))
		return request(line);
	if (!strcmp(argv[1], "race"))
		return race(line);
	if (!strcmp(argv[1], "share")) {
		struct line *other = argc > 3 ? find(argv[3]) : NULL;

		return other && other->irq == line->irq ? 0 : -EXDEV;
	}
	if (!strcmp(argv[1], "zero"))
		return (int)irq_from_evtchn(0) == line->irq ? 0 : -ENXIO;
	if (!strcmp(argv[1], "hold"))
		return hold(line, number);
	if (!strcmp(argv[1], "handled") || !strcmp(argv[1], "called")) {
		unsigned int found = argv[1][0] == 'h' ? line->handled : line->called;

		if (found == number)
			return 0;
		pr_err("row03: %s has %s %u interrupts, not %u\n", argv[2], argv[1], found, number);
		return -EPROTO;
	}
	if (!strcmp(argv[1], "free")) {
		free_irq(line->irq, line);
		line->requested = false;
	} else if (!strcmp(argv[1], "mask")) {
		disable_irq(line->irq);
	} else if (!strcmp(argv[1], "unmask")) {
		enable_irq(line->irq);
		usleep_range(ARRIVAL_US, ARRIVAL_US);
	} else if (!strcmp(argv[1], "raise")) {
		raise(line);
		usleep_range(ARRIVAL_US, ARRIVAL_US);
	} else if (!strcmp(argv[1], "burst")) {
		for (; number; number--) {
			raise(line);
			readl(line->bar + IRQ_TYPE);	/* pushes the command before it */
			udelay(2);
		}
	} else if (!strcmp(argv[1], "slow")) {
		WRITE_ONCE(line->slow, number);
		usleep_range(ARRIVAL_US, ARRIVAL_US);
	} else if (!strcmp(argv[1], "affinity")) {
		return irq_set_affinity(line->irq, cpumask_of(number));
	} else if (!strcmp(argv[1], "drop")) {
		port_close(line->held);
	} else if (!strcmp(argv[1], "close")) {
		if (line->requested)
			return -EBUSY;
		close_line(line);
	} else {
		return -EINVAL;
	}
	return 0;
}

EMUL_REGISTER("row03", EMUL_CALLABLE, row03);
