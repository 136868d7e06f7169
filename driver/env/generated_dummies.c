// SPDX-License-Identifier: GPL-2.0-only
/*
 * Symbols that originals name on paths nobody has taken yet. Reaching one stops the domain, naming symbol and caller.
 * Made by driver/env/make_dummies.sh from the linker's list of undefined symbols; do not edit.
 */
#include "emul.h"

#define STOP(symbol) __used __visible void symbol(void) { EMUL_STOP(); }
STOP(__irq_msi_compose_msg)
STOP(__suspend_report_result)
STOP(alloc_anon_inode)
STOP(generic_access_phys)
STOP(hrtimer_start_range_ns)
STOP(init_irq_alloc_info)
STOP(init_pseudo)
STOP(irqd_cfg)
STOP(kill_anon_super)
STOP(lapic_assign_legacy_vector)
STOP(leave_mm)
STOP(lock_vector_lock)
STOP(lookup_pmd_address)
STOP(native_init_IRQ)
STOP(remap_pfn_range)
STOP(set_pte_vaddr_pud)
STOP(simple_pin_fs)
STOP(simple_release_fs)
STOP(time64_to_tm)
STOP(tlb_remove_table)
STOP(unlock_vector_lock)
STOP(xen_read_cr2)
