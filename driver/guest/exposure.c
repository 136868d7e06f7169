// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small streaming mapping and what else lies on its page. Arguments: what the page holds.
 *   exposure_map shared   a buffer of kmalloc() beside other objects of the same size: mapped, read by the device, left mapped
 *   exposure_map alone    a buffer with a page of its own
 */
#include <linux/dma-mapping.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "driver/env/work.h"
#include "driver/guest/rowS.h"

#define BUFFER 256

/* What a driver keeps beside its buffers: something that calls back. */
struct request {
	void (*done)(struct request *request);
	char name[BUFFER - sizeof(void *)];
};

static void request_done(struct request *request)
{
	kfree(request);
}

static noinline struct request *make_request(void)
{
	struct request *request = kzalloc(sizeof(*request), GFP_KERNEL);

	if (request)
		request->done = request_done;
	return request;
}

/* Half a page of them before the buffer and half a page behind it: some share its page, wherever the slab puts it. */
#define HALF (PAGE_SIZE / BUFFER / 2)
static struct request *requests[2 * HALF];

static int make_requests(struct request **into)
{
	int i;

	for (i = 0; i < HALF; i++) {
		into[i] = make_request();
		if (!into[i])
			return -ENOMEM;
	}
	return 0;
}

static int exposure_map(int argc, char **argv)
{
	void *buffer, *to = (void *)get_zeroed_page(GFP_KERNEL);
	struct pci_dev *dev = endpoint_find();
	dma_addr_t from_bus, to_bus;
	size_t size = BUFFER;
	int rc = -ENOMEM;

	if (argc != 2 || !dev)
		return -EINVAL;
	if (strcmp(argv[1], "shared"))
		size = PAGE_SIZE;
	if (!to || make_requests(requests))
		goto out;
	buffer = kmalloc(size, GFP_KERNEL);
	if (!buffer || make_requests(requests + HALF))
		goto out;
	pci_set_master(dev);
	from_bus = dma_map_single(&dev->dev, buffer, size, DMA_TO_DEVICE);
	to_bus = dma_map_single(&dev->dev, to, PAGE_SIZE, DMA_FROM_DEVICE);
	if (dma_mapping_error(&dev->dev, from_bus) || dma_mapping_error(&dev->dev, to_bus))
		goto out;
	rc = engine_copy(dev, from_bus, to_bus, BUFFER);
	dma_unmap_single(&dev->dev, to_bus, PAGE_SIZE, DMA_FROM_DEVICE);
out:
	pci_dev_put(dev);
	return rc;
}

EMUL_REGISTER("exposure_map", EMUL_CALLABLE, exposure_map);
