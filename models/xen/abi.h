// SPDX-License-Identifier: Apache-2.0
// The guest ABI of Xen 4.17 for x86-64, as far as this path uses it: numbers and structures in our own words. Public
// headers xen/include/public/*.h; abi.md 3. Padding is explicit, so that a structure can go into a trace record.
// A test against the kernel's own headers checks sizes and offsets (scenarios/).
#ifndef PVPCI_MODELS_XEN_ABI_H_
#define PVPCI_MODELS_XEN_ABI_H_

#include <cstddef>
#include <cstdint>

namespace pvpci::xen::abi {

// Linux/Xen errno values (host headers may differ on other systems).
enum Errno : long {
  kEPERM = 1, kENOENT = 2, kESRCH = 3, kE2BIG = 7, kEAGAIN = 11, kENOMEM = 12, kEACCES = 13, kEFAULT = 14,
  kEBUSY = 16, kEEXIST = 17, kEXDEV = 18, kENODEV = 19, kEINVAL = 22, kENFILE = 23, kENOSPC = 28, kEDOM = 33,
  kENOSYS = 38, kETIME = 62, kEOPNOTSUPP = 95,
};

enum HypercallNumber : unsigned {
  kSetTrapTable = 0, kMmuUpdate = 1, kSetGdt = 2, kStackSwitch = 3, kSetCallbacks = 4, kFpuTaskswitch = 5,
  kSetDebugreg = 8, kGetDebugreg = 9, kUpdateDescriptor = 10, kMemoryOp = 12, kMulticall = 13, kUpdateVaMapping = 14,
  kSetTimerOp = 15, kXenVersion = 17, kConsoleIo = 18, kGrantTableOp = 20, kVmAssist = 21, kIret = 23, kVcpuOp = 24,
  kSetSegmentBase = 25, kMmuextOp = 26, kSchedOp = 29, kCallbackOp = 30, kEventChannelOp = 32, kPhysdevOp = 33,
  kHvmOp = 34,
};

// --- event_channel_op ----------------------------------------------------------------------------------------------
struct EvtchnBindInterdomain { uint16_t remote_dom; uint16_t pad; uint32_t remote_port; uint32_t local_port; };
struct EvtchnBindVirq { uint32_t virq; uint32_t vcpu; uint32_t port; };
struct EvtchnBindPirq { uint32_t pirq; uint32_t flags; uint32_t port; };
struct EvtchnPort { uint32_t port; };  // close, send, unmask
struct EvtchnStatus {
  uint16_t dom; uint16_t pad; uint32_t port; uint32_t status; uint32_t vcpu;
  union { struct { uint16_t dom; uint16_t pad; uint32_t port; } peer; uint32_t pirq; uint32_t virq; } u;
};
struct EvtchnAllocUnbound { uint16_t dom; uint16_t remote_dom; uint32_t port; };
struct EvtchnBindIpi { uint32_t vcpu; uint32_t port; };
struct EvtchnBindVcpu { uint32_t port; uint32_t vcpu; };
struct EvtchnReset { uint16_t dom; };
struct EvtchnInitControl { uint64_t control_gfn; uint32_t offset; uint32_t vcpu; uint8_t link_bits; uint8_t pad[7]; };
struct EvtchnExpandArray { uint64_t array_gfn; };
struct EvtchnSetPriority { uint32_t port; uint32_t priority; };
static_assert(sizeof(EvtchnBindInterdomain) == 12 && sizeof(EvtchnBindVirq) == 12 && sizeof(EvtchnBindPirq) == 12);
static_assert(sizeof(EvtchnStatus) == 24 && sizeof(EvtchnAllocUnbound) == 8 && sizeof(EvtchnInitControl) == 24);

inline constexpr uint32_t kBindPirqWillShare = 1;
enum EvtchnStat : uint32_t { kStatClosed, kStatUnbound, kStatInterdomain, kStatPirq, kStatVirq, kStatIpi };

enum Virq : unsigned { kVirqTimer = 0, kVirqDebug = 1, kVirqConsole = 2, kVirqDomExc = 3, kVirqXenoprof = 7,
                       kVirqPmu = 13, kVirqCount = 24 };

// Event words of the FIFO ABI.
inline constexpr uint32_t kFifoPending = 1u << 31, kFifoMasked = 1u << 30, kFifoLinked = 1u << 29, kFifoBusy = 1u << 28;
inline constexpr uint32_t kFifoLinkBits = 17, kFifoLinkMask = (1u << kFifoLinkBits) - 1;
inline constexpr uint32_t kFifoWordsPerPage = 1024, kFifoMaxPages = 128, kFifoMaxPort = kFifoWordsPerPage * kFifoMaxPages - 1;
inline constexpr unsigned kFifoPriorities = 16, kFifoDefaultPriority = 7;
struct FifoControlBlock { uint32_t ready; uint32_t reserved; uint32_t head[kFifoPriorities]; };
static_assert(sizeof(FifoControlBlock) == 72);

// --- physdev_op ----------------------------------------------------------------------------------------------------
struct PhysdevEoi { uint32_t irq; };
struct PhysdevEoiGmfn { uint64_t gmfn; };
struct PhysdevIrqStatusQuery { uint32_t irq; uint32_t flags; };
struct PhysdevSetIopl { uint32_t iopl; };
struct PhysdevSetIobitmap { uint64_t bitmap; uint32_t nr_ports; uint32_t pad; };
struct PhysdevApic { uint64_t apic_physbase; uint32_t reg; uint32_t value; };
struct PhysdevIrq { uint32_t irq; uint32_t vector; };
struct PhysdevMapPirq {
  uint16_t domid; uint16_t pad0; int32_t type; int32_t index; int32_t pirq; int32_t bus; int32_t devfn;
  int32_t entry_nr; uint32_t pad1; uint64_t table_base;
};
struct PhysdevUnmapPirq { uint16_t domid; uint16_t pad; int32_t pirq; };
struct PhysdevManagePci { uint8_t bus; uint8_t devfn; };
struct PhysdevManagePciExt { uint8_t bus; uint8_t devfn; uint16_t pad0; uint32_t is_extfn; uint32_t is_virtfn;
                             uint8_t physfn_bus; uint8_t physfn_devfn; uint16_t pad1; };
struct PhysdevSetupGsi { int32_t gsi; uint8_t triggering; uint8_t polarity; uint16_t pad; };
struct PhysdevNrPirqs { uint32_t nr_pirqs; };
struct PhysdevGetFreePirq { int32_t type; uint32_t pirq; };
struct PhysdevMmcfgReserved { uint64_t address; uint16_t segment; uint8_t start_bus; uint8_t end_bus; uint32_t flags; };
struct PhysdevPciDeviceAdd { uint16_t seg; uint8_t bus; uint8_t devfn; uint32_t flags; uint8_t physfn_bus;
                             uint8_t physfn_devfn; uint16_t pad; };
struct PhysdevPciDevice { uint16_t seg; uint8_t bus; uint8_t devfn; };
static_assert(sizeof(PhysdevMapPirq) == 40 && sizeof(PhysdevSetupGsi) == 8 && sizeof(PhysdevPciDeviceAdd) == 12);

enum MapPirqType : int32_t { kMapMsi = 0, kMapGsi = 1, kMapUnknown = 2, kMapMsiSeg = 3, kMapMultiMsi = 4 };
inline constexpr uint32_t kIrqNeedsEoi = 1, kIrqShared = 2;

// --- sched_op, vcpu_op, callback_op, xen_version ----------------------------------------------------------------------
struct SchedPoll { uint64_t ports; uint32_t nr_ports; uint32_t pad; uint64_t timeout; };
struct SchedShutdown { uint32_t reason; };
static_assert(sizeof(SchedPoll) == 24);
struct VcpuRegisterInfo { uint64_t mfn; uint32_t offset; uint32_t reserved; };
struct VcpuSingleshot { uint64_t timeout_abs_ns; uint32_t flags; uint32_t pad; };
struct VcpuPeriodic { uint64_t period_ns; };
struct VcpuArea { uint64_t address; };
struct VcpuRunstate { int32_t state; uint32_t pad; uint64_t state_entry_time; uint64_t time[4]; };
inline constexpr uint32_t kSingleshotFuture = 1;
struct CallbackRegister { uint16_t type; uint16_t flags; uint32_t pad; uint64_t address; };
struct CallbackUnregister { uint16_t type; uint16_t unused; };
struct FeatureInfo { uint32_t submap_idx; uint32_t submap; };

// --- memory_op -----------------------------------------------------------------------------------------------------
struct MemoryReservation { uint64_t extent_start; uint64_t nr_extents; uint32_t extent_order; uint32_t address_bits;
                           uint16_t domid; uint16_t pad[3]; };
struct MemoryExchange { MemoryReservation in; MemoryReservation out; uint64_t nr_exchanged; };
struct MachphysMapping { uint64_t v_start; uint64_t v_end; uint64_t max_mfn; };
struct MachphysMfnList { uint32_t max_extents; uint32_t pad0; uint64_t extent_start; uint32_t nr_extents; uint32_t pad1; };
struct MemoryMap { uint32_t nr_entries; uint32_t pad; uint64_t buffer; };
struct E820Entry { uint64_t address; uint64_t size; uint32_t type; } __attribute__((packed));
struct DomainId { uint16_t domid; };
static_assert(sizeof(MemoryReservation) == 32 && sizeof(MemoryExchange) == 72 && sizeof(E820Entry) == 20);
inline constexpr uint32_t kE820Ram = 1, kE820Reserved = 2, kE820Unusable = 5;

// --- mmu -----------------------------------------------------------------------------------------------------------
struct MmuUpdate { uint64_t ptr; uint64_t value; };
struct MmuextOp { uint32_t cmd; uint32_t pad; uint64_t arg1; uint64_t arg2; };
struct MulticallEntry { uint64_t op; uint64_t result; uint64_t args[6]; };
static_assert(sizeof(MmuextOp) == 24 && sizeof(MulticallEntry) == 64);
enum MmuextCommand : uint32_t { kPinL1 = 0, kPinL2 = 1, kPinL3 = 2, kPinL4 = 3, kUnpinTable = 4, kNewBaseptr = 5,
                                kTlbFlushLocal = 6, kInvlpgLocal = 7, kTlbFlushMulti = 8, kInvlpgMulti = 9,
                                kTlbFlushAll = 10, kInvlpgAll = 11, kFlushCache = 12, kSetLdt = 13,
                                kNewUserBaseptr = 15, kClearPage = 16, kCopyPage = 17, kFlushCacheGlobal = 18 };

// --- grant_table_op ------------------------------------------------------------------------------------------------
struct GrantMap { uint64_t host_addr; uint32_t flags; uint32_t ref; uint16_t dom; int16_t status; uint32_t handle;
                  uint64_t dev_bus_addr; };
struct GrantUnmap { uint64_t host_addr; uint64_t dev_bus_addr; uint32_t handle; int16_t status; uint16_t pad; };
struct GrantSetupTable { uint16_t dom; uint16_t pad0; uint32_t nr_frames; int16_t status; uint16_t pad1[3];
                         uint64_t frame_list; };
struct GrantQuerySize { uint16_t dom; uint16_t pad0; uint32_t nr_frames; uint32_t max_nr_frames; int16_t status;
                        uint16_t pad1; };
struct GrantVersion { uint32_t version; };
struct GrantGetVersion { uint16_t dom; uint16_t pad; uint32_t version; };
struct GrantEntryV1 { uint16_t flags; uint16_t domid; uint32_t frame; };
static_assert(sizeof(GrantMap) == 32 && sizeof(GrantUnmap) == 24 && sizeof(GrantSetupTable) == 24);
static_assert(sizeof(GrantQuerySize) == 16 && sizeof(GrantEntryV1) == 8);
inline constexpr uint32_t kGntmapDevice = 1, kGntmapHost = 2, kGntmapReadonly = 4, kGntmapContainsPte = 16;
inline constexpr uint16_t kGtfTypeMask = 3, kGtfPermitAccess = 1, kGtfReadonly = 4, kGtfReading = 8, kGtfWriting = 16;
enum GrantStatus : int16_t { kGntOkay = 0, kGntGeneralError = -1, kGntBadDomain = -2, kGntBadGntref = -3,
                             kGntBadHandle = -4, kGntBadVirtAddr = -5, kGntPermissionDenied = -8, kGntBadPage = -9,
                             kGntEagain = -12, kGntNoSpace = -13 };

// --- shared memory ---------------------------------------------------------------------------------------------------
struct VcpuTime {  // pvclock_vcpu_time_info
  uint32_t version; uint32_t pad0; uint64_t tsc_timestamp; uint64_t system_time; uint32_t tsc_to_system_mul;
  int8_t tsc_shift; uint8_t flags; uint8_t pad[2];
};
struct VcpuInfo {
  uint8_t upcall_pending; uint8_t upcall_mask; uint8_t pad[6]; uint64_t pending_sel; uint64_t cr2; uint64_t arch_pad;
  VcpuTime time;
};
struct SharedInfo {
  VcpuInfo vcpu_info[32];
  uint64_t evtchn_pending[64];
  uint64_t evtchn_mask[64];
  uint32_t wc_version; uint32_t wc_sec; uint32_t wc_nsec; uint32_t wc_sec_hi;
  uint64_t max_pfn; uint64_t p2m_frame_list_list; uint64_t nmi_reason; uint64_t p2m_cr3; uint64_t p2m_vaddr;
  uint64_t p2m_generation;
};
static_assert(sizeof(VcpuTime) == 32 && sizeof(VcpuInfo) == 64 && offsetof(VcpuInfo, time) == 32);
static_assert(offsetof(SharedInfo, evtchn_pending) == 2048 && offsetof(SharedInfo, evtchn_mask) == 2560);
static_assert(offsetof(SharedInfo, wc_version) == 3072);

struct StartInfo {
  char magic[32]; uint64_t nr_pages; uint64_t shared_info; uint32_t flags; uint32_t pad0; uint64_t store_mfn;
  uint32_t store_evtchn; uint32_t pad1; uint64_t console_mfn; uint32_t console_evtchn; uint32_t pad2; uint64_t pt_base;
  uint64_t nr_pt_frames; uint64_t mfn_list; uint64_t mod_start; uint64_t mod_len; char cmd_line[1024];
  uint64_t first_p2m_pfn; uint64_t nr_p2m_frames;
};
static_assert(offsetof(StartInfo, shared_info) == 40 && offsetof(StartInfo, flags) == 48);
static_assert(offsetof(StartInfo, store_mfn) == 56 && offsetof(StartInfo, store_evtchn) == 64);
static_assert(offsetof(StartInfo, pt_base) == 88 && offsetof(StartInfo, cmd_line) == 128);
inline constexpr uint32_t kSifPrivileged = 1, kSifInitdomain = 2;

// vcpu_guest_context. Registers in the order of struct cpu_user_regs.
struct GuestContext {
  uint8_t fpu[512]; uint64_t flags;
  uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, error_code, rip, cs, rflags, rsp, ss,
      es, ds, fs, gs;
  uint64_t traps[512]; uint64_t ldt_base, ldt_ents; uint64_t gdt_frames[16]; uint64_t gdt_ents;
  uint64_t kernel_ss, kernel_sp; uint64_t ctrlreg[8]; uint64_t debugreg[8];
  uint64_t event_callback, failsafe_callback, syscall_callback; uint64_t vm_assist;
  uint64_t fs_base, gs_base_kernel, gs_base_user;
};
static_assert(sizeof(GuestContext) == 5168 && offsetof(GuestContext, rip) == 648);

// Page-table entry bits.
inline constexpr uint64_t kPtePresent = 1, kPteWrite = 2, kPteUser = 4, kPtePwt = 8, kPtePcd = 16, kPteAccessed = 32,
                          kPteDirty = 64, kPtePse = 128;
inline constexpr uint64_t kPteAddressMask = 0x000ffffffffff000;

}  // namespace pvpci::xen::abi

#endif  // PVPCI_MODELS_XEN_ABI_H_
