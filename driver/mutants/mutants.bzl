# SPDX-License-Identifier: Apache-2.0
"""Security fixes of the originals that a mutated image can take back, one at a time.

A mutant says where its fix is and which condition, statement or call brings the old behaviour back; nothing of the
fix is copied. driver/mutants/mutate.py applies all of them to copies of the sources, each behind its number. What
each means, its fix and what notices that it is gone: scenarios/attacks/mutants.yaml.
"""

def _edit(verb, function, pattern, by = ""):
    return struct(verb = verb, function = function, pattern = pattern, by = by)

def _never(function, expression):
    return _edit("never", function, expression)

def _always(function, expression):
    return _edit("always", function, expression)

def _instead(function, expression, by):
    return _edit("instead", function, expression, by)

def _skip(function, statement, when = ""):
    return _edit("skip", function, statement, when)

def _call(function, statement, by):
    return _edit("call", function, statement, by)

def _replace(function, statement, by):
    return _edit("replace", function, statement, by)

def _before(function, statement, by):
    return _edit("before", function, statement, by)

def _insert(function, statement, declaration):
    return _edit("insert", function, statement, declaration)

def _declare(function, declaration):
    return _edit("declare", function, "", declaration)

def _mutant(id, file, edits, absent = []):
    """absent: kernels that do not have the fix."""
    return struct(id = id, file = file, edits = edits, absent = absent)

_PCIBACK = "drivers/xen/xen-pciback/"
_OPS = _PCIBACK + "pciback_ops.c"
_EVENTS = "drivers/xen/events/events_base.c"

# What a lock that was taken with interrupts off needs in its function.
_FLAGS = "unsigned long was = 0"

# Numbers follow from the order: append.
MUTANTS = [
    _mutant("XSA-120a", _PCIBACK + "conf_space_header.c", [
        _never("command_write", "!xen_pcibk_permissive && (!dev_data || !dev_data->permissive)"),
        _skip("command_write", "value &= PCI_COMMAND_GUEST"),
        _skip("command_write", "value |= val & ~PCI_COMMAND_GUEST"),
    ]),
    _mutant("XSA-120b", _OPS, [
        _before(
            "xen_pcibk_reset_device",
            "{{dev->is_busmaster = 0;}} } else",
            "pci_write_config_word(dev, PCI_COMMAND, 0)",
        ),
    ]),
    _mutant("XSA-155", _OPS, [
        _instead("xen_pcibk_do_one_op", "*op = {{&pdev->op}};", "&pdev->sh_info->op"),
        _skip("xen_pcibk_do_one_op", "*op = pdev->sh_info->op"),
    ]),
    _mutant("XSA-157a", _OPS, [
        _never("xen_pcibk_enable_msi", "if ({{dev->msi_enabled}}) status"),
        _never("xen_pcibk_enable_msi", "if ({{dev->msix_enabled}}) status"),
    ]),
    _mutant("XSA-157b", _OPS, [
        _never("xen_pcibk_enable_msix", "if ({{dev->msix_enabled}}) return"),
        _never("xen_pcibk_enable_msix", "if ({{dev->msi_enabled}} ||"),
    ]),
    _mutant("XSA-157c", _OPS, [
        _never("xen_pcibk_enable_msix", "!(cmd & PCI_COMMAND_MEMORY)"),
    ]),
    _mutant("XSA-157d", _OPS, [
        _never("xen_pcibk_control_isr", "if ({{dev->msi_enabled || dev->msix_enabled}}) goto"),
    ]),
    _mutant("XSA-157e", _OPS, [
        _always("xen_pcibk_disable_msi", "if ({{dev->msi_enabled}})"),
        _always("xen_pcibk_disable_msix", "if ({{dev->msix_enabled}})"),
    ]),
    _mutant("XSA-43", _OPS, [
        _call("xen_pcibk_enable_msi", "dev_warn_ratelimited", "dev_warn"),
        _call("xen_pcibk_enable_msix", "dev_warn_ratelimited", "dev_warn"),
    ]),
    _mutant("XSA-331", _EVENTS, [
        _replace("xen_free_irq", "queue_rcu_work", "delayed_free_irq(&info->rwork.work)"),
    ]),
    _mutant("XSA-332a", _EVENTS, [
        _instead("bind_interdomain_evtchn_to_irqhandler_lateeoi", "&xen_lateeoi_chip", "&xen_dynamic_chip"),
    ]),
    _mutant("XSA-332b", _EVENTS, [
        _skip("handle_irq_for_port", "ctrl->defer_eoi = true"),
    ]),
    _mutant("XSA-332c", _EVENTS, [
        _never("xen_irq_lateeoi_locked", "info->spurious_cnt > threshold"),
    ]),
    _mutant("XSA-332d", _EVENTS, [
        _always("do_unmask", "!info->mask_reason"),
        _never("handle_irq_for_port", "xchg_acquire(&info->is_active, 1)"),
    ]),
    _mutant("XSA-441", _EVENTS, [
        _declare("lateeoi_list_del", "static DEFINE_RWLOCK(evtchn_rwlock)"),
        _insert("xen_irq_lateeoi", "struct irq_info *info", _FLAGS),
        _replace("xen_irq_lateeoi", "rcu_read_lock()", "read_lock_irqsave(&evtchn_rwlock, was)"),
        _replace("xen_irq_lateeoi", "rcu_read_unlock()", "read_unlock_irqrestore(&evtchn_rwlock, was)"),
        _insert("xen_irq_lateeoi_worker", "struct irq_info *info", _FLAGS),
        _replace("xen_irq_lateeoi_worker", "rcu_read_lock()", "read_lock_irqsave(&evtchn_rwlock, was)"),
        _replace("xen_irq_lateeoi_worker", "rcu_read_unlock()", "read_unlock_irqrestore(&evtchn_rwlock, was)"),
        _insert("xen_free_irq", "if (WARN_ON(!info))", _FLAGS),
        _before("xen_free_irq", "if (!list_empty(&info->eoi_list))", "write_lock_irqsave(&evtchn_rwlock, was)"),
        _before("xen_free_irq", "queue_rcu_work", "set_info_for_irq(info->irq, NULL)"),
        _before("xen_free_irq", "queue_rcu_work", "write_unlock_irqrestore(&evtchn_rwlock, was)"),
        _replace("xen_free_irq", "queue_rcu_work", "delayed_free_irq(&info->rwork.work)"),
        _replace("xen_evtchn_do_upcall", "rcu_read_lock()", "read_lock(&evtchn_rwlock)"),
        _replace("xen_evtchn_do_upcall", "rcu_read_unlock()", "read_unlock(&evtchn_rwlock)"),
    ]),
    _mutant("XSA-349", "drivers/xen/xenbus/xenbus_probe_backend.c", [
        _instead("frontend_will_handle", "watch->nr_pending == 0", "true"),
    ]),
    _mutant("XSA-391", "drivers/block/xen-blkfront.c", [
        _instead("setup_blkring", "{{bind_evtchn_to_irqhandler_lateeoi}} (", "bind_evtchn_to_irqhandler"),
    ]),
    _mutant("XSA-396", "drivers/xen/grant-table.c", [
        _skip("gnttab_add_deferred", "get_page(page)"),
    ]),
    _mutant("XSA-403", "drivers/xen/xenbus/xenbus_client.c", [
        _instead("xenbus_setup_ring", "gfp | __GFP_ZERO", "gfp"),
    ]),
    _mutant("CVE-2022-0854", "kernel/dma/swiotlb.c", [
        _skip("swiotlb_tbl_map_single", "swiotlb_bounce", when = "dir == DMA_FROM_DEVICE"),
    ]),
    _mutant("pcifront-AER", "drivers/pci/xen-pcifront.c", [
        _always("pcifront_common_process", "if ({{pdrv->err_handler->mmio_enabled}})"),
        _always("pcifront_common_process", "if ({{pdrv->err_handler->slot_reset}})"),
        _always("pcifront_common_process", "if ({{pdrv->err_handler->resume}})"),
    ], absent = ["6.1"]),
]

def mutants_of(kernel):
    """[struct(number, mutant)] that apply to a kernel."""
    return [
        struct(number = index + 1, mutant = mutant)
        for index, mutant in enumerate(MUTANTS)
        if kernel not in mutant.absent
    ]
