// SPDX-License-Identifier: Apache-2.0
#include "models/xen/store/watches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pvpci::xen {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr StoreCaller kDom0{0};
constexpr StoreCaller kDomU{1};

class Watches : public testing::Test {
 protected:
  // What the watches of `owner` report for everything that `act` changes.
  std::vector<std::string> Reports(StoreCaller owner, const std::function<void(std::vector<StoreChange>*)>& act) {
    std::vector<StoreChange> changes;
    act(&changes);
    std::vector<std::string> reports;
    for (const StoreChange& change : changes) {
      for (const StoreWatch& watch : list_.Concerned(owner, change, tree_)) {
        reports.push_back(watch.token + ":" + watch.Reported(change.path));
      }
    }
    return reports;
  }
  std::vector<std::string> Write(StoreCaller owner, const std::string& path) {
    return Reports(owner, [&](auto* changes) { tree_.Write(kDom0, path, "v", changes); });
  }

  StoreTree tree_;
  WatchList list_;
};

TEST_F(Watches, SeeTheirNodeAndEverythingBelow) {
  list_.Add(0, "/a/b", "T", 10);
  EXPECT_THAT(Write(kDom0, "/a/b"), ElementsAre("T:/a/b"));
  EXPECT_THAT(Write(kDom0, "/a/b/c/d"), ElementsAre("T:/a/b/c/d"));
  EXPECT_THAT(Write(kDom0, "/a/bc"), IsEmpty());
  EXPECT_THAT(Write(kDom0, "/a"), IsEmpty());
}

TEST_F(Watches, ReportRelativePathsIfSetSo) {
  list_.Add(0, "backend", "T", 10);
  EXPECT_THAT(Write(kDom0, "/local/domain/0/backend/pci/1/0/state"), ElementsAre("T:backend/pci/1/0/state"));
}

TEST_F(Watches, OnARemovedDescendantFireForItAlone) {
  Write(kDom0, "/a/b/c");
  list_.Add(0, "/a/b/c", "deep", 10);
  list_.Add(0, "/a", "top", 10);
  list_.Add(0, "/a/none", "none", 10);
  const auto remove = [&](auto* changes) { tree_.Rm(kDom0, "/a/b", changes); };
  EXPECT_THAT(Reports(kDom0, remove), ElementsAre("deep:/a/b/c", "top:/a/b"));
}

TEST_F(Watches, TellNobodyWhatHeMayNotRead) {
  list_.Add(1, "/secret", "T", 10);
  EXPECT_THAT(Write(kDomU, "/secret/x"), IsEmpty());
  const auto share = [&](auto* changes) {
    tree_.SetPermissions(kDom0, "/secret/x", {{0, StoreAccess::kNone}, {1, StoreAccess::kRead}}, changes);
  };
  EXPECT_THAT(Reports(kDomU, share), ElementsAre("T:/secret/x"));
  const auto hide = [&](auto* changes) {
    tree_.SetPermissions(kDom0, "/secret/x", {{0, StoreAccess::kNone}}, changes);
  };
  EXPECT_THAT(Reports(kDomU, hide), ElementsAre("T:/secret/x"));
  EXPECT_THAT(Write(kDomU, "/secret/x"), IsEmpty());
}

TEST_F(Watches, AreUniqueByPathAndToken) {
  EXPECT_TRUE(list_.Add(0, "backend", "T", 10).ok());
  EXPECT_EQ(list_.Add(0, "/local/domain/0/backend", "T", 10).error, XsError::kEexist);
  EXPECT_TRUE(list_.Add(0, "backend", "U", 10).ok());
  EXPECT_EQ(list_.Remove(0, "backend", "V"), XsError::kEnoent);
  EXPECT_EQ(list_.Remove(0, "backend", "T"), XsError::kOk);
  EXPECT_EQ(list_.size(), 1u);
}

TEST_F(Watches, AreLimited) {
  EXPECT_TRUE(list_.Add(1, "a", "T", 1).ok());
  EXPECT_EQ(list_.Add(1, "b", "T", 1).error, XsError::kE2big);
}

TEST_F(Watches, KnowTwoSpecialNames) {
  EXPECT_TRUE(list_.Add(0, kIntroduceDomain, "T", 10).ok());
  EXPECT_EQ(list_.Add(0, "@bogus", "T", 10).error, XsError::kEinval);
  EXPECT_EQ(list_.Add(0, "/bad//path", "T", 10).error, XsError::kEinval);
  EXPECT_EQ(list_.ConcernedBySpecial(kIntroduceDomain).size(), 1u);
  EXPECT_EQ(list_.ConcernedBySpecial(kReleaseDomain).size(), 0u);
}

}  // namespace
}  // namespace pvpci::xen
