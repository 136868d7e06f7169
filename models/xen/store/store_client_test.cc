// SPDX-License-Identifier: Apache-2.0
#include "models/xen/store/store_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/xen/store/store_trace.h"

namespace pvpci::xen {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Client : public testing::Test {
 protected:
  Client() : simulation_({}), trace_([this] { return simulation_.now(); }), daemon_(simulation_, trace_) {
    client_ = daemon_.OpenClient(0, kToolstack);
  }
  StoreClient::WatchCallback Record() {
    return [this](const std::string& path) { seen_.push_back(path); };
  }

  sim::Simulation simulation_;
  sim::Trace trace_;
  Xenstored daemon_;
  std::unique_ptr<StoreClient> client_;
  std::vector<std::string> seen_;
};

TEST_F(Client, ReadsWhatItWrites) {
  EXPECT_EQ(client_->Write("/a/b", "1"), XsError::kOk);
  EXPECT_EQ(client_->Read("/a/b").value, "1");
  EXPECT_THAT(client_->Directory("/a").value, ElementsAre("b"));
  EXPECT_EQ(client_->Read("/a/c").error, XsError::kEnoent);
  EXPECT_EQ(client_->Read("a//c").error, XsError::kEinval);
}

TEST_F(Client, WatchFiresOnceAtRegistrationThenPerChange) {
  client_->Watch("/a", Record());
  EXPECT_THAT(seen_, IsEmpty());  // later, never inside the call
  simulation_.Run();
  EXPECT_THAT(seen_, ElementsAre("/a"));
  client_->Write("/a/b", "1");
  client_->Rm("/a");
  simulation_.Run();
  EXPECT_THAT(seen_, ElementsAre("/a", "/a/b", "/a"));
}

TEST_F(Client, NoCallbackComesAfterUnwatch) {
  const auto id = client_->Watch("/a", Record());
  client_->Write("/a", "1");
  client_->Unwatch(id);
  simulation_.Run();
  EXPECT_THAT(seen_, IsEmpty());
}

TEST_F(Client, AWatchMayEndItselfAndTheClient) {
  StoreClient::WatchId id = 0;
  id = client_->Watch("/a", [&](const std::string& path) {
    seen_.push_back(path);
    client_->Unwatch(id);
    client_.reset();
  });
  client_->Write("/a", "1");
  simulation_.Run();
  EXPECT_THAT(seen_, ElementsAre("/a"));
}

TEST_F(Client, BadWatchPathIsRefused) { EXPECT_EQ(client_->Watch("/a//b", Record()), 0u); }

TEST_F(Client, TransactBeginsAgainAfterAConflict) {
  auto other = daemon_.OpenClient(0, 0);
  client_->Write("/n", "1");
  int rounds = 0;
  const XsError error = client_->Transact([&](TransactionId id) {
    const int value = std::stoi(client_->Read("/n", id).value);
    if (rounds++ == 0) other->Write("/n", "10");
    return client_->Write("/n", std::to_string(value + 1), id);
  });
  EXPECT_EQ(error, XsError::kOk);
  EXPECT_EQ(rounds, 2);
  EXPECT_EQ(client_->Read("/n").value, "11");
}

TEST_F(Client, TransactGivesUpOnAnError) {
  EXPECT_EQ(client_->Transact([&](TransactionId id) {
    client_->Write("/a", "1", id);
    return client_->Rm("/x/y", id);
  }), XsError::kEnoent);
  EXPECT_EQ(client_->Read("/a").error, XsError::kEnoent);
}

TEST_F(Client, OfAnUnprivilegedDomainHasItsRights) {
  auto guest = daemon_.OpenClient(1, 1);
  EXPECT_EQ(guest->Write("/a", "1"), XsError::kEacces);
  client_->Mkdir("/local/domain/1/data");
  client_->SetPermissions("/local/domain/1/data", {{1, StoreAccess::kNone}});
  EXPECT_EQ(guest->Write("data/x", "1"), XsError::kOk);
  EXPECT_EQ(guest->GetPermissions("data/x").value, (StorePermissions{{1, StoreAccess::kNone}}));
}

}  // namespace
}  // namespace pvpci::xen
