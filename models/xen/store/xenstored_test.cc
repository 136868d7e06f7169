// SPDX-License-Identifier: Apache-2.0
// The daemon as a guest sees it through the ring. abi.md 3.3 "XS wire"; docs/misc/xenstore.txt.
#include "models/xen/store/xenstored.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "models/xen/store/fake_guest.h"
#include "models/xen/store/store_client.h"
#include "models/xen/store/store_trace.h"

namespace pvpci::xen {
namespace {

using std::string_literals::operator""s;
using testing::ElementsAre;
using testing::IsEmpty;

const std::string kDevice = "/local/domain/1/device/pci/0";

class Daemon : public testing::Test {
 protected:
  Daemon() : simulation_({}), trace_([this] { return simulation_.now(); }), daemon_(simulation_, trace_) {
    trace_.SetDomainName(0, "dom0");
    trace_.SetDomainName(1, "domU");
    tools_ = daemon_.OpenClient(0, kToolstack);
    tools_->Mkdir(kDevice);
    tools_->SetPermissions(kDevice, {{1, StoreAccess::kNone}, {0, StoreAccess::kRead}});
  }
  void Introduce() { ASSERT_EQ(daemon_.Introduce(1, guest_.Ring()), XsError::kOk); }
  // Sends one request and runs until nothing is left to do.
  std::vector<std::string> Ask(XsType type, std::string payload, uint32_t transaction = 0) {
    guest_.Send(type, std::move(payload), transaction);
    simulation_.Run();
    return guest_.Received();
  }
  std::vector<std::string> Trace() {
    std::ostringstream out;
    trace_.WriteText(out);
    std::vector<std::string> lines;
    std::istringstream in(out.str());
    for (std::string line; std::getline(in, line);) lines.push_back(line.substr(line.find(' ') + 1));
    return lines;
  }

  sim::Simulation simulation_;
  sim::Trace trace_;
  Xenstored daemon_;
  std::unique_ptr<StoreClient> tools_;
  FakeGuest guest_{daemon_, 1};
};

TEST_F(Daemon, AnswersReadsWritesAndErrorsByName) {
  Introduce();
  EXPECT_THAT(Ask(XsType::kWrite, "device/pci/0/state\0"s + "3"), ElementsAre("WRITE OK"));
  EXPECT_THAT(Ask(XsType::kRead, kDevice + "/state\0"s), ElementsAre("READ 3"));
  EXPECT_THAT(Ask(XsType::kRead, "device/pci/0/none\0"s), ElementsAre("ERROR ENOENT"));
  EXPECT_THAT(Ask(XsType::kRead, "/local/domain/0\0"s), ElementsAre("ERROR EACCES"));
  EXPECT_THAT(Ask(XsType::kDirectory, "device/pci/0\0"s), ElementsAre("DIRECTORY state"));
  EXPECT_THAT(Ask(XsType::kDirectory, "device/pci/0/state\0"s), ElementsAre("DIRECTORY "));
  EXPECT_THAT(Ask(XsType::kMkdir, "device/pci/0/dir\0"s), ElementsAre("MKDIR OK"));
  EXPECT_THAT(Ask(XsType::kRead, "device/pci/0/dir\0"s), ElementsAre("READ "));
  EXPECT_THAT(Ask(XsType::kRm, "device/pci/0/dir\0"s), ElementsAre("RM OK"));
  EXPECT_THAT(Ask(XsType::kGetPerms, "device/pci/0\0"s), ElementsAre("GET_PERMS n1 r0"));
  EXPECT_THAT(Ask(XsType::kSetPerms, "device/pci/0\0n1\0b0\0"s), ElementsAre("SET_PERMS OK"));
  EXPECT_THAT(Ask(XsType::kGetPerms, "device/pci/0\0"s), ElementsAre("GET_PERMS n1 b0"));
  EXPECT_THAT(Ask(XsType::kGetDomainPath, "7\0"s), ElementsAre("GET_DOMAIN_PATH /local/domain/7"));
  EXPECT_THAT(Ask(XsType::kIsDomainIntroduced, "1\0"s), ElementsAre("IS_DOMAIN_INTRODUCED T"));
  EXPECT_THAT(Ask(XsType::kIsDomainIntroduced, "2\0"s), ElementsAre("IS_DOMAIN_INTRODUCED F"));
}

TEST_F(Daemon, RefusesADomainsNextWriteWhenTold) {
  Introduce();
  daemon_.RefuseNextWrite(kDevice + "/state");
  EXPECT_EQ(tools_->Write(kDevice + "/state", "1"), XsError::kOk) << "the tools are not meant";
  EXPECT_THAT(Ask(XsType::kWrite, "device/pci/0/magic\0"s + "7"), ElementsAre("WRITE OK"));
  EXPECT_THAT(Ask(XsType::kWrite, "device/pci/0/state\0"s + "3"), ElementsAre("ERROR EACCES"));
  EXPECT_THAT(Ask(XsType::kRead, "device/pci/0/state\0"s), ElementsAre("READ 1"));
  EXPECT_THAT(Ask(XsType::kWrite, "device/pci/0/state\0"s + "3"), ElementsAre("WRITE OK"));
  EXPECT_EQ(daemon_.refused(kDevice + "/state"), 1u);
  EXPECT_EQ(daemon_.refused(kDevice + "/magic"), 0u);
}

TEST_F(Daemon, KeepsNulBytesInsideAValue) {
  Introduce();
  Ask(XsType::kWrite, "device/pci/0/v\0a\0b"s);
  EXPECT_EQ(tools_->Read(kDevice + "/v").value, "a\0b"s);
}

TEST_F(Daemon, RefusesMalformedRequestsAndGoesOn) {
  Introduce();
  const struct {
    XsType type;
    std::string payload;
    const char* error;
  } rows[] = {
      {XsType::kRead, "", "EINVAL"},
      {XsType::kRead, "device", "EINVAL"},
      {XsType::kRead, "a\0b\0"s, "EINVAL"},
      {XsType::kRead, "\0"s, "EINVAL"},
      {XsType::kRead, "/a//b\0"s, "EINVAL"},
      {XsType::kRead, "a b\0"s, "EINVAL"},
      {XsType::kWrite, "device/pci/0/x", "EINVAL"},
      {XsType::kWrite, "", "EINVAL"},
      {XsType::kWatch, "device\0"s, "EINVAL"},
      {XsType::kWatch, "@nonsense\0token\0"s, "EINVAL"},
      {XsType::kUnwatch, "device\0token\0"s, "ENOENT"},
      {XsType::kSetPerms, "device/pci/0\0"s, "EINVAL"},
      {XsType::kSetPerms, "device/pci/0\0q1\0"s, "EINVAL"},
      {XsType::kTransactionEnd, "T\0"s, "ENOENT"},
      {XsType::kTransactionEnd, "X\0"s, "EINVAL"},
      {XsType::kGetDomainPath, "-1\0"s, "EINVAL"},
      {XsType::kIntroduce, "2\0001\0001\0"s, "EACCES"},
      {XsType::kRelease, "0\0"s, "EACCES"},
      {XsType::kControl, "help\0"s, "EACCES"},
      {XsType::kWatchEvent, "a\0b\0"s, "ENOSYS"},
      {XsType::kError, "EIO\0"s, "ENOSYS"},
      {static_cast<XsType>(20), "\0"s, "ENOSYS"},
      {static_cast<XsType>(0xffffffff), "\0"s, "ENOSYS"},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(Ask(row.type, row.payload), ElementsAre("ERROR "s + row.error)) << Name(row.type) << row.payload;
  }
  EXPECT_THAT(Ask(XsType::kRead, "device/pci/0\0"s), ElementsAre("READ "));
}

TEST_F(Daemon, EchoesRequestAndTransactionNumbers) {
  Introduce();
  const uint32_t request = guest_.Send(XsType::kRead, "device/pci/0\0"s);
  simulation_.Run();
  ASSERT_EQ(guest_.messages().size(), 1u);
  EXPECT_EQ(guest_.messages()[0].header.request, request);
  EXPECT_EQ(guest_.messages()[0].header.transaction, 0u);
}

TEST_F(Daemon, TakesItsTime) {
  Introduce();
  const sim::Ps start = simulation_.now();
  guest_.Send(XsType::kRead, "device/pci/0\0"s);
  guest_.Send(XsType::kRead, "device/pci/0\0"s);
  const auto& config = daemon_.config();
  simulation_.Run(start + config.wake_latency + config.request_latency - 1);
  EXPECT_EQ(guest_.messages().size(), 0u);
  simulation_.Run(start + config.wake_latency + config.request_latency);
  EXPECT_EQ(guest_.messages().size(), 1u);
  EXPECT_EQ(simulation_.Run(), start + config.wake_latency + 2 * config.request_latency);
  EXPECT_EQ(guest_.messages().size(), 2u);
}

TEST_F(Daemon, AWatchIsAcknowledgedThenFiresAtOnce) {
  Introduce();
  EXPECT_THAT(Ask(XsType::kWatch, "device/pci/0/state\0FFFF8880\0"s),
              ElementsAre("WATCH OK", "WATCH_EVENT device/pci/0/state FFFF8880"));
  EXPECT_THAT(Ask(XsType::kWatch, "device/pci/0/state\0FFFF8880\0"s), ElementsAre("ERROR EEXIST"));
  tools_->Write(kDevice + "/state", "1");
  EXPECT_THAT(guest_.Received(), ElementsAre("WATCH_EVENT device/pci/0/state FFFF8880"));
  EXPECT_THAT(Ask(XsType::kUnwatch, "device/pci/0/state\0FFFF8880\0"s), ElementsAre("UNWATCH OK"));
  tools_->Write(kDevice + "/state", "2");
  EXPECT_THAT(guest_.Received(), IsEmpty());
}

TEST_F(Daemon, EventsCarryNoNumbers) {
  Introduce();
  Ask(XsType::kWatch, "device\0T\0"s);
  tools_->Write(kDevice + "/state", "1");
  ASSERT_EQ(guest_.messages().size(), 1u);
  EXPECT_EQ(guest_.messages()[0].header.request, 0u);
  EXPECT_EQ(guest_.messages()[0].header.transaction, 0u);
}

TEST_F(Daemon, ResetWatchesForgetsWatchesAndTransactions) {
  Introduce();
  Ask(XsType::kWatch, "device\0T\0"s);
  EXPECT_THAT(Ask(XsType::kTransactionStart, "\0"s), ElementsAre("TRANSACTION_START 1"));
  EXPECT_THAT(Ask(XsType::kResetWatches, "\0"s), ElementsAre("RESET_WATCHES OK"));
  tools_->Write(kDevice + "/state", "1");
  EXPECT_THAT(guest_.Received(), IsEmpty());
  EXPECT_THAT(Ask(XsType::kTransactionEnd, "T\0"s, 1), ElementsAre("ERROR ENOENT"));
}

TEST_F(Daemon, ATransactionShowsAndTracesItsWritesAtTheCommit) {
  Introduce();
  const uint64_t before = trace_.count();
  EXPECT_THAT(Ask(XsType::kTransactionStart, "\0"s), ElementsAre("TRANSACTION_START 1"));
  Ask(XsType::kWrite, "device/pci/0/pci-op-ref\0"s + "8", 1);
  Ask(XsType::kWrite, "device/pci/0/event-channel\0"s + "8", 1);
  Ask(XsType::kWrite, "device/pci/0/magic\0"s + "7", 1);
  EXPECT_EQ(trace_.count(), before);
  EXPECT_EQ(tools_->Read(kDevice + "/magic").error, XsError::kEnoent);
  EXPECT_THAT(Ask(XsType::kTransactionEnd, "T\0"s, 1), ElementsAre("TRANSACTION_END OK"));
  EXPECT_EQ(tools_->Read(kDevice + "/magic").value, "7");
  const auto lines = Trace();
  EXPECT_THAT(std::vector<std::string>(lines.end() - 3, lines.end()),
              ElementsAre("domU store WRITE " + kDevice + "/pci-op-ref 8",
                          "domU store WRITE " + kDevice + "/event-channel 8",
                          "domU store WRITE " + kDevice + "/magic 7"));
}

TEST_F(Daemon, ACommitReportsEachNodeOnce) {
  Introduce();
  Ask(XsType::kWatch, "device\0T\0"s);
  const XsError error = tools_->Transact([&](TransactionId id) {
    tools_->Write(kDevice + "/a", "1", id);
    tools_->Write(kDevice + "/b", "1", id);
    tools_->SetPermissions(kDevice + "/b", {{1, StoreAccess::kNone}}, id);
    return tools_->Write(kDevice + "/a", "2", id);
  });
  EXPECT_EQ(error, XsError::kOk);
  EXPECT_THAT(guest_.Received(), ElementsAre("WATCH_EVENT device/pci/0/a T", "WATCH_EVENT device/pci/0/b T"));
}

TEST_F(Daemon, AConflictAnswersEagainAndLeavesNoTrace) {
  Introduce();
  tools_->Write(kDevice + "/state", "1");
  Ask(XsType::kTransactionStart, "\0"s);
  Ask(XsType::kRead, "device/pci/0/state\0"s, 1);
  Ask(XsType::kWrite, "device/pci/0/state\0"s + "3", 1);
  tools_->Write(kDevice + "/state", "5");
  const uint64_t before = trace_.count();
  EXPECT_THAT(Ask(XsType::kTransactionEnd, "T\0"s, 1), ElementsAre("ERROR EAGAIN"));
  EXPECT_EQ(tools_->Read(kDevice + "/state").value, "5");
  EXPECT_EQ(trace_.count(), before);
  EXPECT_EQ(daemon_.counters().conflicts, 1u);
}

TEST_F(Daemon, AnAbandonedTransactionDoesNothing) {
  Introduce();
  Ask(XsType::kTransactionStart, "\0"s);
  Ask(XsType::kWrite, "device/pci/0/state\0"s + "3", 1);
  EXPECT_THAT(Ask(XsType::kTransactionEnd, "F\0"s, 1), ElementsAre("TRANSACTION_END OK"));
  EXPECT_EQ(tools_->Read(kDevice + "/state").error, XsError::kEnoent);
}

TEST_F(Daemon, TransactionsDoNotNestAndAreLimited) {
  Introduce();
  Ask(XsType::kTransactionStart, "\0"s);
  EXPECT_THAT(Ask(XsType::kTransactionStart, "\0"s, 1), ElementsAre("ERROR EBUSY"));
  for (int i = 2; i <= 10; ++i) Ask(XsType::kTransactionStart, "\0"s);
  EXPECT_THAT(Ask(XsType::kTransactionStart, "\0"s), ElementsAre("ERROR ENOSPC"));
}

TEST_F(Daemon, MessagesCrossTheEndOfTheRing) {
  Introduce();
  const std::string value(300, 'v');
  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(Ask(XsType::kWrite, "device/pci/0/x\0"s + value), ElementsAre("WRITE OK")) << i;
    ASSERT_THAT(Ask(XsType::kRead, "device/pci/0/x\0"s), ElementsAre("READ " + value)) << i;
  }
  EXPECT_GT(guest_.page().request_producer, 4 * kXsRingBytes);
  EXPECT_GT(guest_.page().response_producer, 4 * kXsRingBytes);
}

TEST_F(Daemon, IndicesMayOverflow) {
  guest_.page().request_consumer = guest_.page().request_producer = 0xfffffff0;
  guest_.page().response_consumer = guest_.page().response_producer = 0xfffffff8;
  Introduce();
  EXPECT_THAT(Ask(XsType::kWrite, "device/pci/0/x\0"s + std::string(500, 'v')), ElementsAre("WRITE OK"));
  EXPECT_THAT(Ask(XsType::kRead, "device/pci/0/x\0"s), ElementsAre("READ " + std::string(500, 'v')));
}

TEST_F(Daemon, ARequestLargerThanTheRingArrivesInPieces) {
  StoreQuota quota;
  quota.entry_bytes = 8192;
  XenstoredConfig config;
  config.quota = quota;
  Xenstored daemon(simulation_, trace_, config);
  auto tools = daemon.OpenClient(0, kToolstack);
  tools->Mkdir(kDevice);
  tools->SetPermissions(kDevice, {{1, StoreAccess::kNone}});
  FakeGuest guest(daemon, 1);
  ASSERT_EQ(daemon.Introduce(1, guest.Ring()), XsError::kOk);
  const std::string value(kXsPayloadMax - 15, 'v');
  guest.Send(XsType::kWrite, "device/pci/0/x\0"s + value);
  guest.Send(XsType::kRead, "device/pci/0/x\0"s);
  simulation_.Run();
  EXPECT_THAT(guest.Received(), ElementsAre("WRITE OK", "READ " + value));
}

TEST_F(Daemon, AnswersWaitForRoomInTheRing) {
  Introduce();
  Ask(XsType::kWrite, "device/pci/0/x\0"s + std::string(600, 'v'));
  guest_.SetTaking(false);
  for (int i = 0; i < 5; ++i) guest_.Send(XsType::kRead, "device/pci/0/x\0"s);
  simulation_.Run();
  EXPECT_EQ(guest_.page().response_producer - guest_.page().response_consumer, kXsRingBytes);
  EXPECT_GT(daemon_.counters().ring_full, 0u);
  guest_.SetTaking(true);
  simulation_.Run();
  EXPECT_EQ(guest_.Received().size(), 5u);
}

TEST_F(Daemon, StopsReadingAGuestThatTakesNoAnswers) {
  Introduce();
  Ask(XsType::kWrite, "device/pci/0/x\0"s + std::string(1000, 'v'));
  const uint64_t before = daemon_.counters().requests;
  guest_.SetTaking(false);
  for (int i = 0; i < 100; ++i) guest_.Send(XsType::kRead, "device/pci/0/x\0"s);
  simulation_.Run();
  // One in the ring, one partly in it and 19 more waiting make the limit of 20 unread ones.
  EXPECT_EQ(daemon_.counters().requests - before, 21u);
  guest_.SetTaking(true);
  simulation_.Run();
  EXPECT_EQ(guest_.Received().size(), 100u);
}

TEST_F(Daemon, AnEventThatAlreadyWaitsIsNotQueuedTwice) {
  Introduce();
  Ask(XsType::kWatch, "device\0T\0"s);
  Ask(XsType::kWrite, "device/pci/0/x\0"s + std::string(1000, 'v'));
  guest_.SetTaking(false);
  guest_.Received();
  Ask(XsType::kRead, "device/pci/0/x\0"s);  // fills the ring
  Ask(XsType::kRead, "device/pci/0/x\0"s);  // waits
  for (int i = 0; i < 1000; ++i) tools_->Write(kDevice + "/state", std::to_string(i));
  guest_.SetTaking(true);
  simulation_.Run();
  const auto received = guest_.Received();
  EXPECT_EQ(std::count(received.begin(), received.end(), "WATCH_EVENT device/pci/0/state T"), 1);
}

TEST_F(Daemon, IgnoresARingWithImpossibleIndices) {
  Introduce();
  guest_.page().request_producer = guest_.page().request_consumer + kXsRingBytes + 1;
  daemon_.OnEvent(1);
  simulation_.Run();
  EXPECT_EQ(guest_.page().error, kXsErrorRingIndex);
  EXPECT_EQ(daemon_.counters().dead_rings, 1u);
  daemon_.OnEvent(1);
  simulation_.Run();
  EXPECT_EQ(daemon_.counters().requests, 0u);
  // Others are served on.
  FakeGuest other(daemon_, 2);
  ASSERT_EQ(daemon_.Introduce(2, other.Ring()), XsError::kOk);
  other.Send(XsType::kGetDomainPath, "2\0"s);
  simulation_.Run();
  EXPECT_THAT(other.Received(), ElementsAre("GET_DOMAIN_PATH /local/domain/2"));
}

TEST_F(Daemon, IgnoresAResponseConsumerThatRanAhead) {
  Introduce();
  guest_.SetTaking(false);
  guest_.page().response_consumer = 5;
  guest_.Send(XsType::kRead, "device/pci/0\0"s);
  simulation_.Run();
  EXPECT_EQ(guest_.page().error, kXsErrorRingIndex);
}

TEST_F(Daemon, IgnoresARingAfterAnOversizedMessage) {
  Introduce();
  for (uint32_t length : {kXsPayloadMax + 1}) {
    const XsHeader header{static_cast<uint32_t>(XsType::kWrite), 1, 0, length};
    guest_.SendRaw(std::string(reinterpret_cast<const char*>(&header), sizeof header));
  }
  simulation_.Run();
  EXPECT_EQ(guest_.page().error, kXsErrorProtocol);
  EXPECT_EQ(daemon_.counters().dead_rings, 1u);
  tools_->Write(kDevice + "/state", "1");
  EXPECT_THAT(guest_.Received(), IsEmpty());
}

TEST_F(Daemon, ReconnectsAGuestThatAsks) {
  Introduce();
  Ask(XsType::kWatch, "device\0T\0"s);
  guest_.page().connection = kXsReconnect;
  daemon_.OnEvent(1);
  simulation_.Run();
  EXPECT_EQ(guest_.page().connection, kXsConnected);
  EXPECT_EQ(guest_.page().request_producer, 0u);
  tools_->Write(kDevice + "/state", "1");
  EXPECT_THAT(guest_.Received(), IsEmpty());
  EXPECT_THAT(Ask(XsType::kRead, "device/pci/0/state\0"s), ElementsAre("READ 1"));
}

TEST_F(Daemon, RandomBytesNeverDisturbOthers) {
  FakeGuest other(daemon_, 2);
  ASSERT_EQ(daemon_.Introduce(2, other.Ring()), XsError::kOk);
  uint32_t noise = 12345;
  for (int round = 0; round < 200; ++round) {
    FakeGuest hostile(daemon_, 3);
    ASSERT_EQ(daemon_.Introduce(3, hostile.Ring()), XsError::kOk);
    for (int i = 0; i < 20; ++i) {
      XsMessage message;
      for (int byte = 0; byte < 40; ++byte) {
        noise = noise * 1664525 + 1013904223;
        message.payload += static_cast<char>(noise >> 24);
      }
      message.header.type = (noise >> 8) % 24;
      message.header.transaction = noise % 3;
      hostile.SendRaw(Serialize(message));
    }
    simulation_.Run();
    other.Send(XsType::kGetDomainPath, "2\0"s);
    simulation_.Run();
    ASSERT_THAT(other.Received(), ElementsAre("GET_DOMAIN_PATH /local/domain/2"));
    ASSERT_EQ(daemon_.Release(3), XsError::kOk);
  }
}

TEST_F(Daemon, DirectoriesLargerThanAMessageComeInParts) {
  Introduce();
  for (int i = 0; i < 300; ++i) tools_->Write(kDevice + "/a-name-of-twenty-chr-" + std::to_string(1000 + i), "");
  EXPECT_THAT(Ask(XsType::kDirectory, "device/pci/0\0"s), ElementsAre("ERROR E2BIG"));
  std::string names, generation;
  while (names.size() < 2 || names.substr(names.size() - 2) != "\0\0"s) {
    guest_.Send(XsType::kDirectoryPart, "device/pci/0\0"s + std::to_string(names.size()) + "\0"s);
    simulation_.Run();
    ASSERT_EQ(guest_.messages().size(), 1u);
    const std::string payload = guest_.messages()[0].payload;
    ASSERT_LE(payload.size(), kXsPayloadMax);
    guest_.Received();
    const size_t end = payload.find('\0');
    EXPECT_TRUE(generation.empty() || payload.substr(0, end) == generation);
    generation = payload.substr(0, end);
    names += payload.substr(end + 1);
  }
  EXPECT_EQ(std::count(names.begin(), names.end(), '\0'), 301);
  EXPECT_THAT(Ask(XsType::kDirectoryPart, "device/pci/0\0"s + "999999\0"s), ElementsAre("ERROR EINVAL"));
}

TEST_F(Daemon, ServesWhatWasWrittenBeforeTheIntroduction) {
  guest_.Send(XsType::kRead, "device/pci/0\0"s);
  Introduce();
  simulation_.Run();
  EXPECT_THAT(guest_.Received(), ElementsAre("READ "));
}

TEST_F(Daemon, IntroductionIsIdempotentForTheSameRingOnly) {
  Introduce();
  EXPECT_EQ(daemon_.Introduce(1, guest_.Ring()), XsError::kOk);
  EXPECT_EQ(daemon_.Introduce(1, guest_.Ring(/*port=*/4)), XsError::kEinval);
  EXPECT_EQ(daemon_.Introduce(2, StoreRing{}), XsError::kEinval);
}

TEST_F(Daemon, ReleaseForgetsTheDomain) {
  Introduce();
  Ask(XsType::kWatch, "device\0T\0"s);
  guest_.Send(XsType::kRead, "device/pci/0\0"s);
  EXPECT_EQ(daemon_.Release(1), XsError::kOk);
  simulation_.Run();
  EXPECT_EQ(daemon_.Release(1), XsError::kEnoent);
  EXPECT_EQ(tools_->Read(kDevice).error, XsError::kEnoent);  // the domain owned it
}

TEST_F(Daemon, SpecialWatchesTellDom0AboutDomains) {
  FakeGuest dom0(daemon_, 0);
  ASSERT_EQ(daemon_.Introduce(0, dom0.Ring()), XsError::kOk);
  dom0.Send(XsType::kWatch, "@introduceDomain\0I\0"s);
  dom0.Send(XsType::kWatch, "@releaseDomain\0R\0"s);
  simulation_.Run();
  EXPECT_THAT(dom0.Received(), ElementsAre("WATCH OK", "WATCH_EVENT @introduceDomain I", "WATCH OK",
                                           "WATCH_EVENT @releaseDomain R"));
  Introduce();
  EXPECT_THAT(dom0.Received(), ElementsAre("WATCH_EVENT @introduceDomain I"));
  daemon_.OnShutdown(1);
  EXPECT_THAT(dom0.Received(), ElementsAre("WATCH_EVENT @releaseDomain R"));
  daemon_.Release(1);
  EXPECT_THAT(dom0.Received(), ElementsAre("WATCH_EVENT @releaseDomain R"));
}

TEST_F(Daemon, Dom0IntroducesAndReleasesOverTheWire) {
  FakeGuest dom0(daemon_, 0);
  ASSERT_EQ(daemon_.Introduce(0, dom0.Ring()), XsError::kOk);
  const auto ask = [&](XsType type, std::string payload) {
    dom0.Send(type, std::move(payload));
    simulation_.Run();
    return dom0.Received();
  };
  EXPECT_THAT(ask(XsType::kIntroduce, "1\0004660\0003\0"s), ElementsAre("ERROR EINVAL"));
  daemon_.SetRingResolver([&](sim::DomId domain, uint64_t gfn, uint32_t port) -> std::optional<StoreRing> {
    if (domain != 1 || gfn != 0x1234) return std::nullopt;
    return guest_.Ring(port);
  });
  EXPECT_THAT(ask(XsType::kIntroduce, "1\0004660\0003\0"s), ElementsAre("INTRODUCE OK"));
  EXPECT_THAT(ask(XsType::kIntroduce, "2\0004660\0003\0"s), ElementsAre("ERROR EINVAL"));
  EXPECT_TRUE(daemon_.introduced(1));
  EXPECT_THAT(ask(XsType::kResume, "1\0"s), ElementsAre("RESUME OK"));
  EXPECT_THAT(ask(XsType::kRelease, "1\0"s), ElementsAre("RELEASE OK"));
  EXPECT_THAT(ask(XsType::kRelease, "1\0"s), ElementsAre("ERROR ENOENT"));
  EXPECT_THAT(ask(XsType::kRelease, "0\0"s), ElementsAre("ERROR EINVAL"));
}

TEST_F(Daemon, TraceLinesHaveTheGoldenForm) {
  tools_->Rm(kDevice);
  tools_->Write("/local/domain/0/backend/pci/1/0/opts-0", "a\nb\\");
  EXPECT_THAT(Trace(), ElementsAre("toolstack store MKDIR " + kDevice,
                                   "toolstack store SET_PERMS " + kDevice + " n1 r0",
                                   "toolstack store RM " + kDevice,
                                   "toolstack store WRITE /local/domain/0/backend/pci/1/0/opts-0 a\\x0ab\\x5c"));
}

}  // namespace
}  // namespace pvpci::xen
