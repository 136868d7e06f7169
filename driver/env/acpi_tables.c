// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for the table manager of drivers/acpi/acpica and for the firmware behind it. dom0's tables are made from words
 * on its command line, which the machine writes:
 *   emul_mcfg=BASE,LAST      MCFG: ECAM of segment 0, buses 0 to LAST (255)
 *   emul_madt=ADDRESS,ISO,.. MADT: one IO-APIC at ADDRESS, a local APIC per vCPU, and of each interrupt of the ISA bus that
 *                            is not on the pin of its number or not edge-triggered and high SOURCE.GSI.FLAGS (hex; ACPI
 *                            5.2.12.5). The machine is a PC: it says that it has two 8259s too.
 *   emul_dmar=BASE,WIDTH     DMAR: one remapping unit for every device, registers at BASE, addresses of WIDTH bits
 * Who reads them are originals: drivers/acpi/tables.c, arch/x86/kernel/acpi/boot.c, arch/x86/pci/mmconfig-shared.c and
 * drivers/iommu/intel/dmar.c.
 */
#include <linux/acpi.h>
#include <linux/acpi_pmtmr.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/apic.h>
#include <asm/hpet.h>
#include <asm/hypervisor.h>
#include <asm/mpspec.h>
#include <asm/smp.h>

#include "emul.h"

#define MADT_REVISION 3		/* ACPI 4 */
#define SCI 9			/* the FADT's, on every PC */
#define MAX_OVERRIDES 16

static struct {
	struct acpi_table_dmar head;
	struct acpi_dmar_hardware_unit unit;
} __packed dmar;

static struct {
	struct acpi_table_mcfg head;
	struct acpi_mcfg_allocation segment;
} __packed mcfg;

static struct {
	struct acpi_table_madt head;
	u8 entries[NR_CPUS * sizeof(struct acpi_madt_local_apic) + sizeof(struct acpi_madt_io_apic) +
		   MAX_OVERRIDES * sizeof(struct acpi_madt_interrupt_override)];
} __packed madt;

struct acpi_table_fadt acpi_gbl_FADT = { .sci_interrupt = SCI };
u8 acpi_gbl_copy_dsdt_locally, acpi_gbl_do_not_use_xsdt, acpi_gbl_reduced_hardware, acpi_gbl_use32_bit_fadt_addresses;

static struct acpi_table_header *finish(struct acpi_table_header *table, const char *signature, u8 revision, u32 length)
{
	memcpy(table->signature, signature, ACPI_NAMESEG_SIZE);
	table->revision = revision;
	table->length = length;
	return table;
}

static struct acpi_table_header *make_dmar(const char *word)
{
	char *end;

	dmar.unit.address = simple_strtoull(word, &end, 16);
	dmar.head.width = simple_strtoul(end + 1, NULL, 10) - 1;
	dmar.unit.header.type = ACPI_DMAR_TYPE_HARDWARE_UNIT;
	dmar.unit.header.length = sizeof(dmar.unit);
	dmar.unit.flags = ACPI_DMAR_INCLUDE_ALL;
	return finish(&dmar.head.header, ACPI_SIG_DMAR, 1, sizeof(dmar));
}

static struct acpi_table_header *make_mcfg(const char *word)
{
	char *end;

	mcfg.segment.address = simple_strtoull(word, &end, 16);
	mcfg.segment.end_bus_number = *end == ',' ? simple_strtoul(end + 1, NULL, 10) : 255;
	return finish(&mcfg.head.header, ACPI_SIG_MCFG, 1, sizeof(mcfg));
}

static void *entry(u32 *length, u8 type, u8 size)
{
	struct acpi_subtable_header *at = (void *)&madt + *length;

	BUG_ON(*length + size > sizeof(madt));
	*length += size;
	at->type = type;
	at->length = size;
	return at;
}

static struct acpi_table_header *make_madt(const char *word)
{
	struct acpi_madt_interrupt_override *override;
	struct acpi_madt_local_apic *local;
	struct acpi_madt_io_apic *io;
	u32 length = sizeof(madt.head);
	unsigned int cpu;
	char *end;

	madt.head.address = APIC_DEFAULT_PHYS_BASE;
	madt.head.flags = ACPI_MADT_PCAT_COMPAT;
	for_each_possible_cpu(cpu) {
		local = entry(&length, ACPI_MADT_TYPE_LOCAL_APIC, sizeof(*local));
		local->processor_id = local->id = cpu;
		local->lapic_flags = ACPI_MADT_ENABLED;
	}
	io = entry(&length, ACPI_MADT_TYPE_IO_APIC, sizeof(*io));
	io->address = simple_strtoul(word, &end, 16);
	while (*end == ',') {
		override = entry(&length, ACPI_MADT_TYPE_INTERRUPT_OVERRIDE, sizeof(*override));
		override->source_irq = simple_strtoul(end + 1, &end, 10);
		override->global_irq = simple_strtoul(end + 1, &end, 10);
		override->inti_flags = simple_strtoul(end + 1, &end, 16);
	}
	return finish(&madt.head.header, ACPI_SIG_MADT, MADT_REVISION, length);
}

static const struct {
	const char *signature, *word;
	struct acpi_table_header *(*make)(const char *word);
} tables[] = {
	{ ACPI_SIG_DMAR, "emul_dmar", make_dmar },
	{ ACPI_SIG_MADT, "emul_madt", make_madt },
	{ ACPI_SIG_MCFG, "emul_mcfg", make_mcfg },
};

/* Instances count from 1, and 0 means the first: there is one table of each kind. */
acpi_status acpi_get_table(char *signature, u32 instance, struct acpi_table_header **out)
{
	int i;

	EMUL("what the firmware has left in memory");
	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		const char *word = emul_cmdline(tables[i].word);

		if (instance > 1 || !word || strncmp(signature, tables[i].signature, ACPI_NAMESEG_SIZE))
			continue;
		*out = tables[i].make(word);
		return AE_OK;
	}
	return AE_NOT_FOUND;
}

void acpi_put_table(struct acpi_table_header *gone) { EMUL_IGNORE("tables stay mapped"); }

/* --- what boot.c tells others of the tables: nobody asks --- */
u32 pmtmr_ioport;
int enable_update_mptable, sbf_port = -1;
unsigned long hpet_address;
u8 hpet_blockid;
bool hpet_force_user;
enum x86_hypervisor_type x86_hyper_type = X86_HYPER_XEN_PV;
u8 boot_cpu_apic_version;
unsigned int boot_cpu_physical_apicid = -1U;
unsigned int disabled_cpus;
u32 cpuid_to_apicid[NR_CPUS];
DEFINE_EARLY_PER_CPU_READ_MOSTLY(u32, x86_cpu_to_acpiid, U32_MAX);

int acpi_blacklisted(void) { EMUL_IGNORE("no BIOS is too old for its ACPI"); return 0; }
int acpi_parse_spcr(bool early, bool console) { EMUL_IGNORE("no serial console"); return -ENOENT; }
void acpi_penalize_sci_irq(int irq, int trigger, int polarity) { EMUL_IGNORE("no interrupt link devices"); }
int default_acpi_madt_oem_check(char *oem, char *table) { EMUL_IGNORE("one kind of local APIC: Xen's"); return 0; }
void register_lapic_address(unsigned long address) { EMUL_IGNORE("a PV guest has no local APIC"); }

/* Processors are Xen's vCPUs: 6.1's name, and 6.12's. */
int generic_processor_info(int apicid, int version);
int generic_processor_info(int apicid, int version) { EMUL_IGNORE("vCPUs are counted by emul_vcpus="); return -EINVAL; }
void topology_register_apic(u32 apic_id, u32 acpi_id, bool present);
void topology_register_apic(u32 apic_id, u32 acpi_id, bool present) { EMUL_IGNORE("vCPUs are counted by emul_vcpus="); }
