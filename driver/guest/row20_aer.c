// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 20, AER: a guest driver with error handlers for the endpoint test function.
 *   row20_aer bind MODE       takes the function from its driver. MODE says how the handlers answer:
 *     recover      can recover, recovered
 *     reset        can recover, needs a reset; a frozen channel needs a reset at once
 *     disconnect   gives the device up
 *     silent       does not return from error_detected for longer than pciback waits
 *     bare         has error_detected only
 *     none         has no handlers at all
 *   row20_aer saw TEXT        the callbacks so far, blanks between, must be TEXT
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

static enum { RECOVER, RESET, DISCONNECT, SILENT, BARE, NONE, MODES } mode;
static const char *const names[MODES] = { "recover", "reset", "disconnect", "silent", "bare", "none" };
static char saw[256];

static void note(const char *callback)
{
	if (saw[0])
		strlcat(saw, " ", sizeof(saw));
	strlcat(saw, callback, sizeof(saw));
	pr_info("row20: %s\n", callback);
}

static pci_ers_result_t aer_error_detected(struct pci_dev *dev, pci_channel_state_t state)
{
	note(state == pci_channel_io_normal ? "error_detected" : "error_detected_frozen");
	if (mode == SILENT)
		msleep(400 * MSEC_PER_SEC);
	if (mode == DISCONNECT)
		return PCI_ERS_RESULT_DISCONNECT;
	return state == pci_channel_io_normal ? PCI_ERS_RESULT_CAN_RECOVER : PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t aer_mmio_enabled(struct pci_dev *dev)
{
	u32 ids;

	note("mmio_enabled");
	/* A request of ours while pciback's is under way: both directions of the ring at once. */
	if (pci_read_config_dword(dev, PCI_VENDOR_ID, &ids) || PCI_POSSIBLE_ERROR(ids))
		note("ring_dead");
	return mode == RESET ? PCI_ERS_RESULT_NEED_RESET : PCI_ERS_RESULT_RECOVERED;
}

static pci_ers_result_t aer_slot_reset(struct pci_dev *dev)
{
	note("slot_reset");
	return PCI_ERS_RESULT_RECOVERED;
}

static void aer_resumed(struct pci_dev *dev)
{
	note("resume");
}

static const struct pci_error_handlers all_handlers = {
	.error_detected = aer_error_detected, .mmio_enabled = aer_mmio_enabled, .slot_reset = aer_slot_reset,
	.resume = aer_resumed,
};
static const struct pci_error_handlers bare_handlers = { .error_detected = aer_error_detected };

static int aer_probe(struct pci_dev *dev, const struct pci_device_id *id)
{
	return pci_enable_device(dev);
}

static void aer_remove(struct pci_dev *dev)
{
	pci_disable_device(dev);
}

static const struct pci_device_id aer_ids[] = { { PCI_DEVICE(PCI_VENDOR_ID_TI, 0xb500) }, { } };
static struct pci_driver aer_driver = {
	.name = "row20_aer", .id_table = aer_ids, .probe = aer_probe, .remove = aer_remove,
	.err_handler = &all_handlers,
};

static int bind(const char *how)
{
	struct pci_dev *dev = pci_get_device(aer_ids[0].vendor, aer_ids[0].device, NULL);
	int rc;

	for (mode = 0; mode < MODES && strcmp(names[mode], how); mode++)
		;
	if (mode == MODES || !dev)
		return mode == MODES ? -EINVAL : -ENODEV;
	if (mode == BARE)
		aer_driver.err_handler = &bare_handlers;
	if (mode == NONE)
		aer_driver.err_handler = NULL;
	device_release_driver(&dev->dev);
	rc = pci_register_driver(&aer_driver);
	if (!rc && dev->driver != &aer_driver)
		rc = -ENXIO;
	pci_dev_put(dev);
	return rc;
}

static int aer(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "bind"))
		return bind(argv[2]);
	if (argc != 3 || strcmp(argv[1], "saw"))
		return -EINVAL;
	if (!strcmp(saw, argv[2]))
		return 0;
	pr_err("row20: saw '%s', not '%s'\n", saw, argv[2]);
	return -ERANGE;
}

EMUL_REGISTER("row20_aer", EMUL_CALLABLE, aer);
