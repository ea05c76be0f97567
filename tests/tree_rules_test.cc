// The names of the source tree against their rules, and the rules against files made up to break them.
#include "tree_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "declarations.h"
#include "source_tree.h"

namespace templar::testing {
namespace {

// Used by tests alone, and right to be there. Each with its reason.
const std::set<std::string_view> kOnlyTestsUse = {
    // What the standard library demands of an allocator (LargePageAllocator).
    "allocate", "deallocate", "value_type",
    // In-memory twins of the outside world ship with its interfaces.
    "VirtualClock", "MemoryObjectStore",
    // The fault injector of whole networks from one seed: the room sim/ is for such.
    "FaultyStore", "set_fault",
    // The list that writers, readers and the guide are held against, of which no program needs this part.
    "kStandardTags",
    // The plain inverses, which aggregation, fuzzers and benchmarks are held against: aggregation decodes
    // blocks as they come and never a whole parameter.
    "decompress", "decode_block",
    // The device engine's kernels on the processor, by which it is tested where there is no card; what
    // compares cuDNN with the plain kernels on one.
    "HostOperations", "use_cudnn"};

void expect_none(const Violations& violations) {
  for (const Violation& violation : violations) {
    ADD_FAILURE() << violation.path << ":" << violation.line << ": " << violation.what;
  }
}

using Said = std::vector<std::string>;

Said said(const Violations& violations) {
  Said sentences;
  for (const Violation& violation : violations) {
    sentences.push_back(violation.path + ":" + std::to_string(violation.line) + ": " + violation.what);
  }
  return sentences;
}

// "kind name", with "in a class" and "anonymous" where that is so.
Said declared(std::string_view text) {
  static constexpr const char* kKinds[] = {"type", "function", "constant"};
  Said sentences;
  for (const Declaration& declaration : declarations_of(text)) {
    sentences.push_back(std::string(kKinds[static_cast<size_t>(declaration.kind)]) + " " + declaration.name +
                        (declaration.is_in_class ? " in a class" : "") +
                        (declaration.is_anonymous ? " anonymous" : ""));
  }
  return sentences;
}

// A folder with more is one that nobody keeps in mind: cut it by what its parts do.
TEST(Folders, HaveFewArrows) {
  expect_none(check_arrows(source_tree(), 30));
}

TEST(Folders, AreTooDenseWithOneArrowMore) {
  const std::vector<SourceFile> files = {
      {"src/node/a.cc", "#include \"node/a.h\"\n#include \"node/b.h\"\n#include \"base/c.h\"\n"},
      {"src/node/a.h", "#include \"node/b.h\"\n"},
      {"src/node/b-inl.h", "#include \"node/d.h\"\n"},
      {"src/node/a_test.cc", "#include \"node/d.h\"\n"}};
  EXPECT_EQ(said(check_arrows(files, 2)), Said{});
  EXPECT_EQ(said(check_arrows(files, 1)), Said{"src/node:1: 2 arrows between its parts"});
}

TEST(Names, StandForOneHeaderEach) {
  expect_none(check_header_names(source_tree(), {}));
}
TEST(Names, StandForOneTypeEach) {
  expect_none(check_type_names(source_tree(), {}));
}
TEST(Names, AreUsedOutsideOfTests) {
  expect_none(check_used(source_tree(), kOnlyTestsUse));
}

TEST(NameRules, RefuseTwoHeadersWithOneFileName) {
  const std::vector<SourceFile> files = {{"src/app/child_process.h", ""},
                                         {"src/app/child_process.cc", ""},
                                         {"tests/support/child_process.cc", ""},
                                         {"tests/support/child_process.h", ""}};
  EXPECT_EQ(said(check_header_names(files, {})),
            Said{"tests/support/child_process.h:1: has the name of src/app/child_process.h"});
  EXPECT_EQ(said(check_header_names(files, {"child_process.h"})), Said{});
}

TEST(NameRules, RefuseATypeThatHasAHeadersTypesName) {
  const std::vector<SourceFile> files = {
      {"src/app/a.h", "namespace templar {\nclass NodeWorld {};\n}\n"},
      {"src/core/b.h", "template <typename T>\nstruct Choice {};\nenum class Phase : int { kOne };\n"},
      {"src/core/c.cc", "namespace {\nusing Phase = int;\n}\n"},
      {"tests/d.h", "namespace testing {\nclass NodeWorld : public World {\n  int x;\n};\n}\n"},
      {"src/core/e.h", "struct Choice final { int x; };"}};
  EXPECT_EQ(said(check_type_names(files, {})),
            (Said{"src/core/e.h:1: Choice is also the name of a type in src/core/b.h",
                  "tests/d.h:2: NodeWorld is also the name of a type in src/app/a.h",
                  "src/core/c.cc:2: Phase is also the name of a type in src/core/b.h"}));
  EXPECT_EQ(said(check_type_names(files, {"Choice", "NodeWorld", "Phase"})), Said{});
}

TEST(NameRules, LetSourcesHaveTypesOfTheirOwnAndForgiveWhatIsNoSecondType) {
  const std::vector<SourceFile> files = {
      {"src/core/a.cc", "namespace { struct Scratch {}; }"},
      {"src/core/b.cc", "namespace { class Scratch {}; }"},
      {"src/core/c.h", "struct Whole { struct Part { int x; }; };\ntemplate <typename T> struct Hash {};"},
      {"src/core/d.h",
       "struct Whole;\nstruct Other { enum Part { kOne }; };\ntemplate <> struct Hash<Whole> {};"},
      {"src/core/e.cc", "struct Whole::Part { int x; };"}};
  EXPECT_EQ(said(check_type_names(files, {})), Said{});
}

TEST(NameRules, RefuseWhatOnlyTestsUse) {
  const std::vector<SourceFile> files = {
      {"src/core/a.h",
       "// quantise() and kBins.\n[[nodiscard]] int quantise(int value);\ninline constexpr int kBins = 4;\n"
       "class Coder {\n public:\n  explicit Coder(int bins);\n  int code() const;\n};\n"},
      {"src/core/a.cc",
       "int quantise(int value) { return value; }\nCoder::Coder(int) {}\n"
       "int Coder::code() const { return 0; }\n"},
      {"src/core/a_test.cc", "int x = quantise(kBins) + Coder(1).code();"},
      {"src/core/a_bench.cc", "int x = quantise(kBins) + Coder(1).code();"},
      {"tests/support/b.cc", "int x = quantise(kBins) + Coder(1).code();"}};
  const Said faults = {
      "src/core/a.h:2: quantise is used by tests alone", "src/core/a.h:3: kBins is used by tests alone",
      "src/core/a.h:4: Coder is used by tests alone", "src/core/a.h:7: code is used by tests alone"};
  EXPECT_EQ(said(check_used(files, {})), faults);
  EXPECT_EQ(said(check_used(files, {"quantise", "kBins", "Coder", "code"})), Said{});
}

TEST(NameRules, CountAUseInAnotherSourceAndInOnesOwn) {
  const std::vector<SourceFile> files = {
      {"src/core/a.h",
       "int quantise(int value);\nint half();\nstruct Spec { int bins; };\nvoid use(const Spec& spec);\n"},
      {"src/core/a.cc",
       "int half() { return 1; }\nint quantise(int value) { return half(); }\nvoid use(const Spec&) {}\n"},
      {"src/app/b.cc", "int main() { use({quantise(1)}); }"}};
  EXPECT_EQ(said(check_used(files, {})), Said{});
}

TEST(Declarations, AreTypesFunctionsAndConstants) {
  EXPECT_EQ(
      declared(
          "struct A {};\nclass CAPABILITY(\"mutex\") B final : public C<int> { int d() const; };\n"
          "enum class E : uint8_t { kOne };\nusing F = std::map<int, int (*)(int)>;\n"
          "inline constexpr std::array<int, 2> kG = {1, 2};\nstd::function<void(int)> h(int i = f(1));\n"),
      (Said{"type A", "type B", "function d in a class", "type E", "type F", "constant kG", "function h"}));
}

TEST(Declarations, LeaveOutWhatDeclaresNothingNew) {
  EXPECT_EQ(
      declared(
          "class A;\nfriend class B;\nusing std::swap;\nstatic_assert(sizeof(int) == 4);\n"
          "#define C(x) \\\n  int x()\ntemplate <> struct D<int> {};\nstruct E::F { };\nint g = h(1);\n"),
      Said{});
}

TEST(Declarations, LeaveOutConstructorsOperatorsAndTheInsidesOfFunctions) {
  EXPECT_EQ(
      declared("struct A {\n  A() : b_{1}, c_(2) { call(); }\n  ~A();\n  bool operator==(const A&) const;\n"
               "  template <typename T>\n    requires std::is_integral_v<T>\n  explicit A(T t) : b_(t) {}\n"
               "  int d() const { struct E {}; return f(1); }\n  int b_ GUARDED_BY(mutex_) = 0;\n};\n"),
      (Said{"type A", "function d in a class"}));
}

TEST(Declarations, KnowNamespacesAndDefinitionsOutsideOfTheClass) {
  EXPECT_EQ(declared("namespace a::b {\nnamespace {\nstruct C {};\nint d() { return 1; }\n}\n"
                     "A::A(int x) : x_(x) {}\nint A::e() const { return 1; }\nint f();\n}\n"),
            (Said{"type C anonymous", "function d anonymous", "function e in a class", "function f"}));
}

}  // namespace
}  // namespace templar::testing
