// What an adversary does to contributions: takes them apart into dense values, and makes signed ones of
// values, or of bytes that are none.
#pragma once

#include <span>
#include <vector>

#include "base/keys/keys.h"
#include "base/random.h"
#include "base/threads/thread_team.h"
#include "core/protocol/contribution.h"
#include "core/protocol/sealed_upload.h"
#include "core/run/run_spec.h"

namespace templar {

// Of one run and key. Not thread-safe.
class Forger {
 public:
  Forger(const RunSpec& spec, ParameterLayout layout, const KeyPair& key)
      : spec_(spec), layout_(std::move(layout)), key_(key) {}

  [[nodiscard]] const ParameterLayout& layout() const { return layout_; }

  // The dense values that a contribution stands for.
  [[nodiscard]] ParameterBuffers values_of(const Contribution& contribution);
  // Fails (skip) where values can't be sent.
  [[nodiscard]] Result<Bytes> seal(const ContributionHeader& header, const ParameterBuffers& values);
  // Another's blocks, to the last bit, behind the header of our own.
  [[nodiscard]] Bytes with_blocks_of(const Contribution& own, const Contribution& other) const;
  // Another's sealed pieces behind a header of our own, which names the key that only that miner has yet.
  [[nodiscard]] Bytes behind_own_header(const Contribution& own, ByteView upload) const;
  // Hash and signature made to fit what stands before them.
  [[nodiscard]] Bytes sign_anew(Bytes contribution) const;

 private:
  const RunSpec spec_;
  const ParameterLayout layout_;
  const KeyPair key_;
  ThreadTeam team_{1};
};

// target += factor * values.
void add_values(ParameterBuffers& target, const ParameterBuffers& values, float factor,
                const ParameterLayout& layout);
// The same values of each parameter, at other places.
[[nodiscard]] ParameterBuffers shuffled(const ParameterBuffers& values, const ParameterLayout& layout,
                                        Random random);

}  // namespace templar
