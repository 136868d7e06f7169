// SPDX-License-Identifier: Apache-2.0
#include "models/xen/store/store_tree.h"

#include <gtest/gtest.h>

namespace pvpci::xen {
namespace {

constexpr StoreCaller kDom0{0};
constexpr StoreCaller kDomU{1};
constexpr StoreCaller kOther{2};

class Tree : public testing::Test {
 protected:
  std::string Value(std::string_view path) {
    const auto node = tree_.Find(path);
    return node ? node->value : "(none)";
  }
  std::vector<std::string> Changed() {
    std::vector<std::string> paths;
    for (const StoreChange& change : changes_) paths.push_back((change.exact ? "=" : "") + change.path);
    changes_.clear();
    return paths;
  }
  // A directory that domain 1 owns and domain 0 reads, as a frontend's.
  void MakeFrontend() {
    tree_.Mkdir(kDom0, "/local/domain/1/device/pci/0", &changes_);
    tree_.SetPermissions(kDom0, "/local/domain/1/device/pci/0", {{1, StoreAccess::kNone}, {0, StoreAccess::kRead}},
                         &changes_);
    changes_.clear();
  }

  StoreTree tree_;
  std::vector<StoreChange> changes_;
};

TEST_F(Tree, WriteCreatesMissingAncestors) {
  EXPECT_EQ(tree_.Write(kDom0, "/a/b/c", "v", &changes_), XsError::kOk);
  EXPECT_EQ(Value("/a/b/c"), "v");
  EXPECT_EQ(Value("/a/b"), "");
  EXPECT_EQ(Changed(), std::vector<std::string>{"/a/b/c"});
}

TEST_F(Tree, ACopyIsASnapshot) {
  tree_.Write(kDom0, "/a/b", "old", &changes_);
  const StoreTree snapshot = tree_;
  tree_.Write(kDom0, "/a/b", "new", &changes_);
  tree_.Rm(kDom0, "/a", &changes_);
  EXPECT_EQ(snapshot.Find("/a/b")->value, "old");
  EXPECT_EQ(tree_.Find("/a"), nullptr);
}

TEST_F(Tree, GenerationFollowsValuePermissionsAndChildrenOnly) {
  tree_.Write(kDom0, "/a/b/c", "1", &changes_);
  const uint64_t a = tree_.generation("/a"), b = tree_.generation("/a/b");
  tree_.Write(kDom0, "/a/b/c", "2", &changes_);
  EXPECT_EQ(tree_.generation("/a/b"), b);
  tree_.Write(kDom0, "/a/b/d", "2", &changes_);
  EXPECT_NE(tree_.generation("/a/b"), b);
  EXPECT_EQ(tree_.generation("/a"), a);
  EXPECT_EQ(tree_.generation("/nothing"), 0u);
}

TEST_F(Tree, RemovalTakesDescendantsFirstAndReportsThemAsExact) {
  tree_.Write(kDom0, "/a/b/c", "1", &changes_);
  tree_.Write(kDom0, "/a/d", "1", &changes_);
  changes_.clear();
  EXPECT_EQ(tree_.Rm(kDom0, "/a", &changes_), XsError::kOk);
  EXPECT_EQ(Changed(), (std::vector<std::string>{"=/a/b/c", "=/a/b", "=/a/d", "/a"}));
}

TEST_F(Tree, RemovingNothingIsFineIfTheParentExists) {
  EXPECT_EQ(tree_.Rm(kDom0, "/missing", &changes_), XsError::kOk);
  EXPECT_EQ(tree_.Rm(kDom0, "/missing/deeper", &changes_), XsError::kEnoent);
  EXPECT_EQ(tree_.Rm(kDom0, "/", &changes_), XsError::kEinval);
  EXPECT_TRUE(changes_.empty());
}

TEST_F(Tree, MkdirOfAnExistingNodeChangesNothing) {
  tree_.Write(kDom0, "/a", "v", &changes_);
  changes_.clear();
  EXPECT_EQ(tree_.Mkdir(kDom0, "/a", &changes_), XsError::kOk);
  EXPECT_EQ(Value("/a"), "v");
  EXPECT_TRUE(changes_.empty());
}

TEST_F(Tree, AnUnprivilegedDomainWritesOnlyWhereItMay) {
  MakeFrontend();
  EXPECT_EQ(tree_.Write(kDomU, "/local/domain/1/device/pci/0/state", "3", &changes_), XsError::kOk);
  EXPECT_EQ(tree_.Write(kDomU, "/local/domain/1/device/pci/1/state", "3", &changes_), XsError::kEacces);
  EXPECT_EQ(tree_.Write(kOther, "/local/domain/1/device/pci/0/state", "3", &changes_), XsError::kEacces);
  EXPECT_EQ(tree_.Get(kOther, "/local/domain/1/device/pci/0/state", StoreAccess::kRead).error, XsError::kEacces);
  // Who may not look does not learn what exists.
  EXPECT_EQ(tree_.Get(kOther, "/local/domain/1/device/pci/0/none", StoreAccess::kRead).error, XsError::kEacces);
  EXPECT_EQ(tree_.Get(kDomU, "/local/domain/1/device/pci/0/none", StoreAccess::kRead).error, XsError::kEnoent);
}

TEST_F(Tree, NewNodesInheritThePermissionsAndBelongToAnUnprivilegedCreator) {
  MakeFrontend();
  tree_.Write(kDomU, "/local/domain/1/device/pci/0/state", "3", &changes_);
  const StorePermissions expected{{1, StoreAccess::kNone}, {0, StoreAccess::kRead}};
  EXPECT_EQ(tree_.Find("/local/domain/1/device/pci/0/state")->permissions, expected);
  tree_.Write(kDom0, "/local/domain/1/device/pci/0/backend", "x", &changes_);
  EXPECT_EQ(tree_.Find("/local/domain/1/device/pci/0/backend")->permissions, expected);
}

TEST_F(Tree, OnlyTheOwnerSetsPermissionsAndCannotGiveTheNodeAway) {
  MakeFrontend();
  const std::string path = "/local/domain/1/device/pci/0";
  EXPECT_EQ(tree_.SetPermissions(kDomU, path, {{1, StoreAccess::kNone}, {2, StoreAccess::kBoth}}, &changes_),
            XsError::kOk);
  EXPECT_EQ(tree_.SetPermissions(kDomU, path, {{2, StoreAccess::kNone}}, &changes_), XsError::kEperm);
  EXPECT_EQ(tree_.SetPermissions(kOther, path, {{2, StoreAccess::kNone}}, &changes_), XsError::kEacces);
  EXPECT_EQ(tree_.SetPermissions(kDomU, path, {}, &changes_), XsError::kEinval);
}

TEST_F(Tree, QuotasBindUnprivilegedDomainsOnly) {
  StoreQuota quota;
  quota.nodes = 3;  // the directory and two more
  quota.entry_bytes = 100;
  tree_ = StoreTree(quota);
  MakeFrontend();
  const std::string path = "/local/domain/1/device/pci/0";
  EXPECT_EQ(tree_.Write(kDomU, path + "/a", std::string(80, 'x'), &changes_), XsError::kEnospc);
  EXPECT_EQ(tree_.Write(kDomU, path + "/a", "1", &changes_), XsError::kOk);
  EXPECT_EQ(tree_.Write(kDomU, path + "/b/c", "1", &changes_), XsError::kEnospc);
  EXPECT_EQ(tree_.Find(path + "/b"), nullptr);
  EXPECT_EQ(tree_.Write(kDomU, path + "/b", "1", &changes_), XsError::kOk);
  EXPECT_EQ(tree_.owned_nodes(1), 3u);
  EXPECT_EQ(tree_.Write(kDomU, path + "/c", "1", &changes_), XsError::kEnospc);
  EXPECT_EQ(tree_.Write(kDom0, path + "/c", std::string(3000, 'x'), &changes_), XsError::kOk);
  EXPECT_EQ(tree_.Rm(kDom0, path, &changes_), XsError::kOk);
  EXPECT_EQ(tree_.owned_nodes(1), 0u);
}

TEST_F(Tree, AForgottenDomainLeavesNeitherNodesNorRights) {
  MakeFrontend();
  tree_.Mkdir(kDom0, "/local/domain/0/backend/pci/1/0", &changes_);
  tree_.SetPermissions(kDom0, "/local/domain/0/backend/pci/1/0", {{0, StoreAccess::kNone}, {1, StoreAccess::kRead}},
                       &changes_);
  tree_.Write(kDom0, "/local/domain/0/backend/pci/1/0/state", "4", &changes_);
  tree_.ForgetDomain(1, &changes_);
  EXPECT_EQ(tree_.Find("/local/domain/1/device/pci/0"), nullptr);
  EXPECT_EQ(tree_.Find("/local/domain/0/backend/pci/1/0")->permissions,
            (StorePermissions{{0, StoreAccess::kNone}}));
  EXPECT_EQ(Value("/local/domain/0/backend/pci/1/0/state"), "4");
  EXPECT_EQ(tree_.owned_nodes(1), 0u);
}

TEST(Path, RelativeOnesLieBelowTheDomain) {
  EXPECT_EQ(CanonicalPath(7, "device/pci/0"), "/local/domain/7/device/pci/0");
  EXPECT_EQ(CanonicalPath(7, "/tool"), "/tool");
  EXPECT_EQ(CanonicalPath(7, "/"), "/");
}

TEST(Path, MalformedOnesAreRefused) {
  for (const std::string& path : {std::string(), std::string("/a/"), std::string("/a//b"), std::string("a b"),
                                  std::string("/a\0b", 4), std::string("/a%20"), std::string("@releaseDomain"),
                                  "/" + std::string(kAbsolutePathMax, 'x'), std::string(kRelativePathMax + 1, 'x')}) {
    EXPECT_FALSE(CanonicalPath(1, path)) << path;
  }
}

TEST(Path, BelowMeansWholeComponents) {
  EXPECT_TRUE(IsSameOrBelow("/a/b", "/a"));
  EXPECT_TRUE(IsSameOrBelow("/a", "/a"));
  EXPECT_TRUE(IsSameOrBelow("/a", "/"));
  EXPECT_FALSE(IsSameOrBelow("/ab", "/a"));
  EXPECT_EQ(ParentPath("/a/b"), "/a");
  EXPECT_EQ(ParentPath("/a"), "/");
}

TEST(Permission, TravelsAsLetterAndDomain) {
  EXPECT_EQ(ToString({1, StoreAccess::kRead}), "r1");
  EXPECT_EQ(ParsePermission("b32751"), (StorePermission{32751, StoreAccess::kBoth}));
  for (const char* text : {"", "r", "x1", "r-1", "r32752", "r1 "}) EXPECT_FALSE(ParsePermission(text)) << text;
}

}  // namespace
}  // namespace pvpci::xen
