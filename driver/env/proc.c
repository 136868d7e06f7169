// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for fs/proc, drivers/pci/proc.c and kernel/irq/proc.c: nothing is shown. /proc/irq's function that hears of
 * every handler tells the host those of physical interrupts, whose entry is probe t6 (abi.md 5.3).
 */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/pci.h>
#include <linux/proc_fs.h>
#include <linux/string.h>

#include "emul.h"
#include "../../drivers/pci/pci.h"
#include "../../kernel/irq/internals.h"

struct proc_dir_entry *proc_create_seq_private(const char *name, umode_t mode, struct proc_dir_entry *parent,
					       const struct seq_operations *ops, unsigned int state_size, void *data)
{
	EMUL_IGNORE("no /proc");
	return NULL;
}
void remove_proc_entry(const char *name, struct proc_dir_entry *parent) { EMUL_IGNORE("no /proc"); }

int pci_proc_attach_device(struct pci_dev *dev) { EMUL_IGNORE("no /proc/bus/pci"); return 0; }
int pci_proc_detach_device(struct pci_dev *dev) { EMUL_IGNORE("no /proc/bus/pci"); return 0; }
int pci_proc_detach_bus(struct pci_bus *bus) { EMUL_IGNORE("no /proc/bus/pci"); return 0; }

void register_irq_proc(unsigned int irq, struct irq_desc *desc) { EMUL_IGNORE("no /proc/irq"); }
void unregister_irq_proc(unsigned int irq, struct irq_desc *desc) { EMUL_IGNORE("no /proc/irq"); }
void unregister_handler_proc(unsigned int irq, struct irqaction *action) { EMUL_IGNORE("no /proc/irq"); }
void register_handler_proc(unsigned int irq, struct irqaction *action)
{
	struct irq_chip *chip = irq_get_chip(irq);

	EMUL("no /proc/irq; the host measures when handlers of physical interrupts start");
	if (chip && chip->name && !strcmp(chip->name, "xen-pirq"))
		emul_call(SEAM_HANDLER, action->handler, 0, 0, 0);
}
