// SPDX-License-Identifier: Apache-2.0
#include "reports/citations.h"

#include <map>

namespace pvpci::reports {
namespace {

const std::map<std::string, const char*>& Known() {
  static const std::map<std::string, const char*> known = {
      {"A1", "Wojtczuk, Rutkowska: Following the White Rabbit, 2011"},
      {"A2", "Injection of interrupt vectors into virtual machines (Heckler, WeSee) [k]"},
      {"A3", "P\u00e9k et al.: PTFuzz, AsiaCCS 2014 [k]"},
      {"A4", "Sang et al.: requester identifiers behind bridges, 2010 and 2011 [k]"},
      {"A5", "Markettos et al.: Thunderclap, NDSS 2019"},
      {"A6", "Markuze et al.: True IOMMU Protection from DMA Attacks, ASPLOS 2016"},
      {"A7", "Markuze et al.: Characterizing, Exploiting, and Detecting DMA Code Injection Vulnerabilities, EuroSys 2021"},
      {"A8", "Kupfer: IOMMU-resistant DMA attacks [k]"},
      {"A9", "Morgan et al.: IOMMU tables altered while the IOMMU is enabled, 2016 and 2018 [k]"},
      {"A10", "PCILeech, Inception: memory read and patched by a device before boot [k]"},
      {"A12", "Zhou, Gligor et al.: trusted path, Oakland 2012"},
      {"A13", "Access Control Services: peer-to-peer routing below the IOMMU"},
      {"A14", "Address Translation Services: translated requests skip the second look-up"},
      {"A15", "Reserved memory regions of firmware that stay mapped"},
      {"A16", "Groups of functions that share a requester identifier"},
      {"A17", "State that survives a change of owner without a function-level reset"},
      {"A18", "Expansion ROMs that share a decoder with a BAR"},
      {"A19", "Bounce buffers that return stale bytes; devices that lie about lengths"},
      {"A20", "Double fetches (Bochspwn, Xenpwn, PeriScope)"},
      {"CWE-20", "Improper Input Validation"},
      {"CWE-125", "Out-of-bounds Read"},
      {"CWE-200", "Exposure of Sensitive Information to an Unauthorized Actor"},
      {"CWE-226", "Sensitive Information in Resource Not Removed Before Reuse"},
      {"CWE-269", "Improper Privilege Management"},
      {"CWE-290", "Authentication Bypass by Spoofing"},
      {"CWE-345", "Insufficient Verification of Data Authenticity"},
      {"CWE-362", "Race Condition"},
      {"CWE-367", "Time-of-check Time-of-use Race Condition"},
      {"CWE-400", "Uncontrolled Resource Consumption"},
      {"CWE-416", "Use After Free"},
      {"CWE-441", "Unintended Proxy or Intermediary (Confused Deputy)"},
      {"CWE-476", "NULL Pointer Dereference"},
      {"CWE-617", "Reachable Assertion"},
      {"CWE-667", "Improper Locking"},
      {"CWE-668", "Exposure of Resource to Wrong Sphere"},
      {"CWE-672", "Operation on a Resource after Expiration or Release"},
      {"CWE-770", "Allocation of Resources Without Limits or Throttling"},
      {"CWE-835", "Loop with Unreachable Exit Condition"},
      {"CWE-1190", "DMA Device Enabled Too Early in Boot Phase"},
      {"CWE-1220", "Insufficient Granularity of Access Control"},
      {"CWE-1257", "Improper Access Control Applied to Mirrored or Aliased Memory Regions"},
      {"CWE-1260", "Improper Handling of Overlap Between Protected Memory Ranges"},
      {"CWE-1272", "Sensitive Information Uncleared Before Debug/Power State Transition"},
      {"CWE-1299", "Missing Protection Mechanism for Alternate Hardware Interface"},
      {"CWE-1311", "Improper Translation of Security Attributes by Fabric Bridge"},
      {"CWE-1316", "Fabric-Address Map Allows Programming of Unwarranted Overlaps of Protected and Unprotected Ranges"},
      {"CWE-1317", "Improper Access Control in Fabric Bridge"},
  };
  return known;
}

bool Starts(const std::string& text, const char* start) { return text.rfind(start, 0) == 0; }

}  // namespace

std::string CitationText(const std::string& reference) {
  const auto found = Known().find(reference);
  if (found != Known().end()) return found->second;
  if (Starts(reference, "XSA-")) return "Xen security advisory, xenbits.xen.org/xsa/advisory-" + reference.substr(4) + ".html";
  if (Starts(reference, "CVE-")) return "nvd.nist.gov/vuln/detail/" + reference;
  if (reference.size() > 1 && reference[0] == 'H' && reference.find_first_not_of("0123456789", 1) == std::string::npos) {
    return "hypothesis from reading code [H], threats.md 5";
  }
  return "";
}

}  // namespace pvpci::reports
