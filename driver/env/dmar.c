// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a kernel finds around a remapping unit when no hypervisor stands between (a domain with `bare_metal: true`): a
 * vector domain for the unit's own interrupt (the DMAR table is in acpi_tables.c). The message of that interrupt reaches
 * no local APIC, a PV guest has none: the machine calls dmar_interrupt() in its place.
 */
#include <linux/acpi.h>
#include <linux/dmar.h>
#include <linux/hardirq.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/memblock.h>
#include <linux/msi.h>
#include <asm/early_ioremap.h>
#include <asm/hw_irq.h>
#include <asm/irqdomain.h>
#include <asm/msi.h>

#include "emul.h"
#include "work.h"

#define FIRST_VECTOR 0x30

EMUL_CONST_DEVICE struct bus_type acpi_bus_type = { .name = "acpi" };
unsigned int tsc_khz = 1000000;	/* the driver gives a unit 10 s of it before it panics */

bool emul_bare_metal(void)
{
	return emul_cmdline("emul_dmar") != NULL;
}

void clflush_cache_range(void *address, unsigned int size) { EMUL_IGNORE("no processor cache is modelled"); }

/* 6.12's drivers/iommu/intel/perfmon.c */
struct intel_iommu;
int alloc_iommu_pmu(struct intel_iommu *iommu);
int alloc_iommu_pmu(struct intel_iommu *iommu) { EMUL_IGNORE("the unit has no performance counters"); return -ENODEV; }
void free_iommu_pmu(struct intel_iommu *iommu);
void free_iommu_pmu(struct intel_iommu *iommu) { EMUL_IGNORE("the unit has no performance counters"); }
int iommu_pmu_register(struct intel_iommu *iommu);
int iommu_pmu_register(struct intel_iommu *iommu) { EMUL_IGNORE("the unit has no performance counters"); return 0; }
void iommu_pmu_unregister(struct intel_iommu *iommu);
void iommu_pmu_unregister(struct intel_iommu *iommu) { EMUL_IGNORE("the unit has no performance counters"); }

/* The domain's memory is one range. */
void __next_mem_pfn_range(int *index, int node, unsigned long *first, unsigned long *end, int *out_node)
{
	EMUL("the domain's memory is one range");
	*index = *index < 0 ? 0 : -1;
	if (first)
		*first = 0;
	if (end)
		*end = max_pfn;
	if (out_node)
		*out_node = 0;
}

/* Before the kernel's own address space for mappings is up, on real hardware; here it is up. */
void __iomem *early_ioremap(resource_size_t phys, unsigned long size)
{
	EMUL("device memory at boot is mapped as later");
	return ioremap(phys, size);
}

void early_iounmap(void __iomem *addr, unsigned long size)
{
	EMUL("device memory at boot is mapped as later");
	iounmap(addr);
}

/* --- the vector domain: irqs of the units, numbered by unit --- */

static int unit_irq;
static struct irq_cfg unit_cfg = { .vector = FIRST_VECTOR };

static void nothing(struct irq_data *data) { }

static int anywhere(struct irq_data *data, const struct cpumask *mask, bool force)
{
	return IRQ_SET_MASK_OK_DONE;
}

static struct irq_chip vector_chip = {
	.name = "emul-vector",
	.irq_ack = nothing,
	.irq_set_affinity = anywhere,
};

static int alloc_vectors(struct irq_domain *domain, unsigned int virq, unsigned int count, void *arg)
{
	if (count != 1)
		return -ENOSPC;
	irq_domain_set_info(domain, virq, 0, &vector_chip, NULL, handle_edge_irq, NULL, "edge");
	unit_irq = virq;
	return 0;
}

static void free_vectors(struct irq_domain *domain, unsigned int virq, unsigned int count)
{
	unit_irq = 0;
}

static const struct irq_domain_ops vector_ops = {
	.alloc = alloc_vectors,
	.free = free_vectors,
};

static int __init make_vector_domain(void)
{
	EMUL("the remapping unit's own interrupt has a vector");
	if (emul_bare_metal())
		x86_vector_domain = irq_domain_create_tree(irq_domain_alloc_named_fwnode("emul-vector"), &vector_ops,
							   NULL);
	return 0;
}
core_initcall(make_vector_domain);

void init_irq_alloc_info(struct irq_alloc_info *info, const struct cpumask *mask)
{
	EMUL("the remapping unit's own interrupt has a vector");
	memset(info, 0, sizeof(*info));
	info->mask = mask;
}

struct irq_cfg *irqd_cfg(struct irq_data *data)
{
	EMUL("the remapping unit's own interrupt has a vector");
	return &unit_cfg;
}

void __irq_msi_compose_msg(struct irq_cfg *cfg, struct msi_msg *msg, bool dmar)
{
	EMUL("the remapping unit's own interrupt has a vector");
	memset(msg, 0, sizeof(*msg));
	msg->arch_addr_lo.base_address = X86_MSI_BASE_ADDRESS_LOW;
	msg->arch_data.vector = cfg->vector;
}

static int dmar_interrupt(int argc, char **argv)
{
	unsigned long flags;

	if (!unit_irq)
		return -ENXIO;
	local_irq_save(flags);
	irq_enter();
	generic_handle_irq(unit_irq);
	irq_exit();
	local_irq_restore(flags);
	return 0;
}
EMUL_REGISTER("dmar_interrupt", EMUL_CALLABLE, dmar_interrupt);
