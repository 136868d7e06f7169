// SPDX-License-Identifier: Apache-2.0
#include "models/xen/store/transactions.h"

#include <gtest/gtest.h>

namespace pvpci::xen {
namespace {

constexpr StoreCaller kDom0{0};

class Transactions : public testing::Test {
 protected:
  Transactions() {
    Live("/dir/state", "1");
    Live("/other", "x");
  }
  void Live(const std::string& path, const std::string& value) { live_.Write(kDom0, path, value, &changes_); }
  static StoreOperation Write(const std::string& path, const std::string& value) {
    return {XsType::kWrite, path, value, {}};
  }
  static std::string Read(Transaction& transaction, const std::string& path) {
    const auto node = transaction.Get(kDom0, path, StoreAccess::kRead);
    return node.ok() ? node.value->value : Name(node.error);
  }

  StoreTree live_;
  std::vector<StoreChange> changes_;
};

TEST_F(Transactions, SeeTheirOwnWritesOverASnapshot) {
  Transaction transaction(live_);
  ASSERT_EQ(transaction.Do(kDom0, Write("/dir/new", "n")), XsError::kOk);
  Live("/other", "changed");
  EXPECT_EQ(Read(transaction, "/dir/new"), "n");
  EXPECT_EQ(Read(transaction, "/other"), "x");
  EXPECT_EQ(live_.Find("/dir/new"), nullptr);
}

TEST_F(Transactions, DoNotConflictWithUnrelatedWrites) {
  Transaction transaction(live_);
  Read(transaction, "/dir/state");
  transaction.Do(kDom0, Write("/dir/state", "2"));
  Live("/other", "changed");
  EXPECT_FALSE(transaction.Conflicts(live_));
}

TEST_F(Transactions, ConflictWhenWhatTheyReadWasWritten) {
  Transaction transaction(live_);
  Read(transaction, "/dir/state");
  Live("/dir/state", "9");
  EXPECT_TRUE(transaction.Conflicts(live_));
}

TEST_F(Transactions, ConflictWhenANodeTheyMissedAppeared) {
  Transaction transaction(live_);
  EXPECT_EQ(Read(transaction, "/dir/num_devs"), "ENOENT");
  Live("/dir/num_devs", "1");
  EXPECT_TRUE(transaction.Conflicts(live_));
}

TEST_F(Transactions, ConflictWhenBothAddChildrenToOneDirectory) {
  Transaction transaction(live_);
  transaction.Do(kDom0, Write("/dir/a", "1"));
  Live("/dir/b", "1");
  EXPECT_TRUE(transaction.Conflicts(live_));
}

TEST_F(Transactions, ConflictWhenARemovedNodeWasWrittenBelow) {
  Transaction transaction(live_);
  transaction.Do(kDom0, {XsType::kRm, "/dir", {}, {}});
  Live("/dir/state", "9");
  EXPECT_TRUE(transaction.Conflicts(live_));
}

TEST_F(Transactions, ConflictWhenANodeWasRemovedAndMadeAgain) {
  Transaction transaction(live_);
  Read(transaction, "/dir/state");
  live_.Rm(kDom0, "/dir/state", &changes_);
  Live("/dir/state", "1");
  EXPECT_TRUE(transaction.Conflicts(live_));
}

TEST_F(Transactions, KeepNoFailedOperation) {
  Transaction transaction(live_);
  EXPECT_EQ(transaction.Do({1}, Write("/dir/state", "2")), XsError::kEacces);
  EXPECT_TRUE(transaction.log().empty());
}

TEST_F(Transactions, AreLimitedForUnprivilegedDomains) {
  StoreQuota quota;
  quota.transaction_nodes = 3;
  StoreTree tree(quota);
  tree.Write(kDom0, "/mine", "", &changes_);
  tree.SetPermissions(kDom0, "/mine", {{1, StoreAccess::kNone}}, &changes_);
  Transaction guest(tree), tools(tree);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(guest.Do({1}, Write("/mine", "1")), XsError::kOk);
  EXPECT_EQ(guest.Do({1}, Write("/mine", "1")), XsError::kEnospc);
  EXPECT_EQ(guest.Get({1}, "/mine", StoreAccess::kRead).error, XsError::kEnospc);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(tools.Do(kDom0, Write("/mine", "1")), XsError::kOk);
}

TEST_F(Transactions, RememberARemovalThatFoundNothing) {
  Transaction transaction(live_);
  EXPECT_EQ(transaction.Do(kDom0, {XsType::kRm, "/none/below", {}, {}}), XsError::kEnoent);
  EXPECT_EQ(transaction.log().size(), 1u);
}

}  // namespace
}  // namespace pvpci::xen
