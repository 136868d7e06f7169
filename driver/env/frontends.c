// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for the subsystems that Xen's frontends hand their devices to: net/core, drivers/input, drivers/scsi,
 * drivers/char/tpm, drivers/usb/core, drivers/tty/hvc, drivers/video/fbdev/core, net/9p, block and DRM. Row 19 of the patch
 * series asks what a frontend does when its backend is in state 7 or 8. For that the originals must probe, be bound and
 * close; no packet, key or sector ever moves. What allocates gives zeroed memory of the right size, what registers says
 * yes and forgets. Everything beyond is in generated_dummies.c and stops the domain.
 */
#include <drm/drm_print.h>
#include <linux/blkdev.h>
#include <linux/console.h>
#include <linux/err.h>
#include <linux/etherdevice.h>
#include <linux/fb.h>
#include <linux/filter.h>
#include <linux/freezer.h>
#include <linux/input.h>
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <linux/tpm.h>
#include <linux/usb.h>
#include <linux/usb/hcd.h>
#include <net/9p/9p.h>
#include <net/9p/client.h>
#include <net/9p/transport.h>
#include <scsi/scsi_host.h>

#include "emul.h"
#include "../../drivers/tty/hvc/hvc_console.h"

#define WHY "a frontend registers with its subsystem; nothing of it is used"

/* --- block: xen-blkfront allocates its disk when the backend connects, which no backend here does --- */
int __register_blkdev(unsigned int major, const char *name, void (*probe)(dev_t devt))
{
	EMUL_IGNORE(WHY);
	return 0;
}

/* --- net --- */
struct net_device *alloc_etherdev_mqs(int sizeof_priv, unsigned int txqs, unsigned int rxqs)
{
	EMUL(WHY);
	return kzalloc(ALIGN(sizeof(struct net_device), NETDEV_ALIGN) + sizeof_priv, GFP_KERNEL);
}

void netif_carrier_off(struct net_device *dev) { EMUL_IGNORE(WHY); }

/* --- input --- */
struct input_dev *input_allocate_device(void)
{
	EMUL(WHY);
	return kzalloc(sizeof(struct input_dev), GFP_KERNEL);
}

int input_register_device(struct input_dev *dev)
{
	EMUL_IGNORE(WHY);
	return 0;
}

void input_set_capability(struct input_dev *dev, unsigned int type, unsigned int code) { EMUL_IGNORE(WHY); }

/* --- SCSI --- */
struct Scsi_Host *scsi_host_alloc(EMUL_CONST_TEMPLATE struct scsi_host_template *template, int privsize)
{
	EMUL(WHY);
	return kzalloc(sizeof(struct Scsi_Host) + privsize, GFP_KERNEL);
}

int scsi_add_host_with_dma(struct Scsi_Host *host, struct device *device, struct device *dma_device)
{
	EMUL_IGNORE(WHY);
	return 0;
}

void scsi_remove_host(struct Scsi_Host *host) { EMUL_IGNORE(WHY); }

/* --- TPM --- */
struct tpm_chip *tpmm_chip_alloc(struct device *device, const struct tpm_class_ops *ops)
{
	struct tpm_chip *chip;

	EMUL(WHY);
	chip = kzalloc(sizeof(*chip), GFP_KERNEL);
	if (!chip)
		return ERR_PTR(-ENOMEM);
	dev_set_drvdata(device, chip);
	return chip;
}

int tpm_get_timeouts(struct tpm_chip *chip)
{
	EMUL_IGNORE(WHY);
	return 0;
}

int tpm_chip_register(struct tpm_chip *chip)
{
	EMUL_IGNORE(WHY);
	return 0;
}

void tpm_chip_unregister(struct tpm_chip *chip) { EMUL_IGNORE(WHY); }

/* --- USB --- */
int usb_disabled(void)
{
	EMUL_IGNORE(WHY);
	return 0;
}

struct usb_hcd *usb_create_hcd(const struct hc_driver *driver, struct device *device, const char *name)
{
	struct usb_hcd *hcd;

	EMUL(WHY);
	hcd = kzalloc(sizeof(*hcd) + driver->hcd_priv_size, GFP_KERNEL);
	if (hcd)
		hcd->self.controller = device;
	return hcd;
}

int usb_add_hcd(struct usb_hcd *hcd, unsigned int irq, unsigned long flags)
{
	EMUL_IGNORE(WHY);
	return 0;
}

void usb_remove_hcd(struct usb_hcd *hcd) { EMUL_IGNORE(WHY); }
void usb_put_hcd(struct usb_hcd *hcd) { EMUL_IGNORE(WHY); }

/* --- consoles --- */
typeof(hvc_remove((struct hvc_struct *)0)) hvc_remove(struct hvc_struct *hp)
{
	EMUL_IGNORE(WHY);
	return (typeof(hvc_remove(hp)))0;
}

struct hvc_struct *hvc_alloc(uint32_t vtermno, int data, const struct hv_ops *ops, int outbuf_size)
{
	EMUL(WHY);
	return kzalloc(sizeof(struct hvc_struct), GFP_KERNEL) ?: ERR_PTR(-ENOMEM);
}

/* --- frame buffers --- */
int console_set_on_cmdline = 1;	/* a frame buffer shall not look for a console to prefer */

struct fb_info *framebuffer_alloc(size_t size, struct device *device)
{
	struct fb_info *info;

	EMUL(WHY);
	info = kzalloc(ALIGN(sizeof(*info), sizeof(long)) + size, GFP_KERNEL);
	if (!info)
		return NULL;
	info->par = (void *)info + ALIGN(sizeof(*info), sizeof(long));
	info->device = device;
	return info;
}

int fb_alloc_cmap(struct fb_cmap *cmap, int len, int transparency)
{
	EMUL_IGNORE(WHY);
	return 0;
}

int fb_deferred_io_init(struct fb_info *info)
{
	EMUL_IGNORE(WHY);
	return 0;
}

int register_framebuffer(struct fb_info *info)
{
	EMUL_IGNORE(WHY);
	return 0;
}

/* --- 9p --- */
void v9fs_register_trans(struct p9_trans_module *transport) { EMUL_IGNORE(WHY); }

/* --- DRM --- */
bool EMUL_FIRMWARE_DRIVERS_ONLY(void)
{
	EMUL_IGNORE(WHY);
	return false;
}

void __drm_err(const char *format, ...)
{
	va_list arguments;

	EMUL("errors of DRM go to the console");
	va_start(arguments, format);
	vprintk(format, arguments);
	va_end(arguments);
}

#ifdef EMUL_HAS_DRM_DEVICE_DEBUG
void __drm_dev_dbg(struct _ddebug *descriptor, const struct device *device, enum drm_debug_category category,
		   const char *format, ...)
{
	EMUL_IGNORE("debug messages of DRM are off");
}
#else
void ___drm_dbg(struct _ddebug *descriptor, enum drm_debug_category category, const char *format, ...)
{
	EMUL_IGNORE("debug messages of DRM are off");
}
#endif

/* --- variables that paths name which nobody takes --- */
DEFINE_STATIC_KEY_FALSE(bpf_master_redirect_enabled_key);
DEFINE_STATIC_KEY_FALSE(bpf_stats_enabled_key);
DEFINE_STATIC_KEY_FALSE(freezer_active);
#ifdef EMUL_HAS_CONSOLE_LIST
HLIST_HEAD(console_list);
#else
struct console *console_drivers;
DEFINE_PER_CPU(struct bpf_redirect_info, bpf_redirect_info);
#endif
