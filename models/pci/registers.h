// SPDX-License-Identifier: Apache-2.0
// Names of configuration registers and fields, as the specifications spell them (PCI Local Bus 3.0 chapter 6,
// PCI-to-PCI Bridge 1.2 chapter 3, PCIe 6.0 chapter 7). The only place that holds their numbers.
#ifndef PVPCI_MODELS_PCI_REGISTERS_H_
#define PVPCI_MODELS_PCI_REGISTERS_H_

#include <cstdint>

namespace pvpci::pci::reg {

// Header, both types.
inline constexpr unsigned kVendorId = 0x00, kDeviceId = 0x02, kCommand = 0x04, kStatus = 0x06, kRevision = 0x08,
                          kClass = 0x09, kCacheLine = 0x0c, kLatencyTimer = 0x0d, kHeaderType = 0x0e, kBist = 0x0f,
                          kBar0 = 0x10, kCapabilities = 0x34, kInterruptLine = 0x3c, kInterruptPin = 0x3d;
inline constexpr unsigned kSubsystemVendor = 0x2c, kSubsystemId = 0x2e, kRom = 0x30;
inline constexpr uint32_t kRomEnable = 1;
inline constexpr uint16_t kCommandIo = 1, kCommandMemory = 2, kCommandMaster = 4, kCommandParity = 0x40,
                          kCommandSerr = 0x100, kCommandIntxDisable = 0x400;
inline constexpr uint16_t kCommandWritable =
    kCommandIo | kCommandMemory | kCommandMaster | kCommandParity | kCommandSerr | kCommandIntxDisable;
inline constexpr uint16_t kStatusInterrupt = 8, kStatusCapabilities = 0x10, kStatusErrors = 0xf900;
inline constexpr uint8_t kHeaderBridge = 1, kHeaderMultiFunction = 0x80;

// Type 1.
inline constexpr unsigned kPrimaryBus = 0x18, kSecondaryBus = 0x19, kSubordinateBus = 0x1a, kIoBase = 0x1c,
                          kIoLimit = 0x1d, kSecondaryStatus = 0x1e, kMemoryBase = 0x20, kMemoryLimit = 0x22,
                          kPrefetchBase = 0x24, kPrefetchLimit = 0x26, kPrefetchBaseHigh = 0x28,
                          kPrefetchLimitHigh = 0x2c, kIoBaseHigh = 0x30, kIoLimitHigh = 0x32, kBridgeRom = 0x38,
                          kBridgeControl = 0x3e;
inline constexpr uint16_t kBridgeControlSerr = 0x02, kBridgeControlReset = 0x40;

// Capabilities.
inline constexpr uint8_t kCapPower = 0x01, kCapVpd = 0x03, kCapMsi = 0x05, kCapVendor = 0x09, kCapExpress = 0x10,
                         kCapMsix = 0x11;
inline constexpr uint16_t kExtAer = 0x0001, kExtSerial = 0x0003, kExtAri = 0x000e, kExtAts = 0x000f;

// Power management: offsets in the capability.
inline constexpr unsigned kPmc = 2, kPmcsr = 4;
inline constexpr uint16_t kPmcsrState = 3, kPmcsrNoSoftReset = 8, kPmcsrPmeEnable = 0x100, kPmcsrPmeStatus = 0x8000;

// MSI.
inline constexpr unsigned kMsiControl = 2, kMsiAddress = 4, kMsiAddressHigh = 8;
inline constexpr uint16_t kMsiEnable = 1, kMsi64 = 0x80, kMsiMaskable = 0x100;

// MSI-X.
inline constexpr unsigned kMsixControl = 2, kMsixTable = 4, kMsixPba = 8;
inline constexpr uint16_t kMsixEnable = 0x8000, kMsixFunctionMask = 0x4000;
inline constexpr unsigned kMsixEntryBytes = 16;

// PCI Express.
inline constexpr unsigned kExpCapabilities = 2, kDevCap = 4, kDevCtl = 8, kDevSta = 10, kLinkCap = 12, kLinkCtl = 16,
                          kLinkSta = 18, kSlotCap = 20, kSlotCtl = 24, kSlotSta = 26, kRootCtl = 28, kRootCap = 30,
                          kRootSta = 32, kDevCap2 = 36, kDevCtl2 = 40, kLinkCap2 = 44, kLinkCtl2 = 48, kLinkSta2 = 50;
inline constexpr unsigned kExpressLength = 0x3c;
inline constexpr uint32_t kDevCapFlr = 1u << 28;
inline constexpr uint16_t kDevCtlFlr = 0x8000;
// Error reporting enables and what was detected: correctable, non-fatal, fatal, unsupported request.
inline constexpr uint16_t kDevCtlCorrectable = 1, kDevCtlNonFatal = 2, kDevCtlFatal = 4;
inline constexpr uint16_t kDevStaCorrectable = 1, kDevStaNonFatal = 2, kDevStaFatal = 4, kDevStaUnsupported = 8;
inline constexpr uint32_t kDevCap2AriForwarding = 1u << 5;
inline constexpr uint16_t kDevCtl2AriForwarding = 1u << 5;
inline constexpr unsigned kDevCtlPayloadShift = 5, kDevCtlReadShift = 12;
enum PortType : unsigned { kEndpoint = 0, kRootPort = 4, kUpstreamPort = 5, kDownstreamPort = 6, kIntegrated = 9 };

// ARI: offset of the byte that names the next function.
inline constexpr unsigned kAriNextFunction = 5, kAriLength = 8;

// AER.
inline constexpr unsigned kAerLength = 0x48;
inline constexpr unsigned kAerUncorrectable = 0x04, kAerUncorrectableMask = 0x08, kAerSeverity = 0x0c,
                          kAerCorrectable = 0x10, kAerCorrectableMask = 0x14, kAerControl = 0x18, kAerHeaderLog = 0x1c,
                          kAerRootCommand = 0x2c, kAerRootStatus = 0x30, kAerRootSource = 0x34;
inline constexpr uint32_t kAerUncorrectableBits = 0x07fff030, kAerCorrectableBits = 0x0000f1c1, kAerFirstError = 0x1f;
inline constexpr uint32_t kAerUnsupportedRequest = 20;  // bit number
// Root registers: enables and received messages.
inline constexpr uint32_t kRootCorrectable = 1, kRootNonFatal = 2, kRootFatal = 4;
inline constexpr uint32_t kRootStaCorrectable = 0x01, kRootStaMultipleCorrectable = 0x02, kRootStaUncorrectable = 0x04,
                          kRootStaMultipleUncorrectable = 0x08, kRootStaFirstFatal = 0x10, kRootStaNonFatal = 0x20,
                          kRootStaFatal = 0x40, kRootStaBits = 0x7f;

}  // namespace pvpci::pci::reg

#endif  // PVPCI_MODELS_PCI_REGISTERS_H_
