// A long line between two network namespaces: long_line NAMESPACE NAMESPACE DELAY_MS MBIT_PER_SECOND. In each
// it makes a device "line" and carries packets from one to the other, each way at that rate and with that
// delay; what finds more than a quarter of a second waiting is dropped, as routers do. Says "ready" when the
// devices are there; until its standard input ends. Needs root and /dev/net/tun. scripts/gather-benchmark.sh
// builds and runs it.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/files/descriptor.h"

namespace templar::testing {
namespace {

constexpr double kMostWaiting = 0.25;  // seconds
// What the kernel puts before each piece (virtio_net_hdr; its own header is no C++).
struct PieceHeader {
  uint8_t flags, kind;
  uint16_t header_bytes, content_bytes, sum_begin, sum_place;  // content_bytes: of a packet, where it is cut
};
static_assert(sizeof(PieceHeader) == 10);

// The devices hand over what TCP sends in one go as one piece, with a header before it that says how it is
// cut; so the kernel's work for each packet does not slow the line down.
constexpr size_t kPieceBytes = sizeof(PieceHeader) + 65536;
constexpr double kHeaderBytes = 52;  // of IP and TCP, in each packet

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "long_line: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

Descriptor open_device(const std::string& network_namespace) {
  const Descriptor place(::open(("/run/netns/" + network_namespace).c_str(), O_RDONLY | O_CLOEXEC));
  if (!place.valid() || ::setns(place.get(), CLONE_NEWNET) != 0) give_up(network_namespace);
  Descriptor device(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!device.valid()) give_up("/dev/net/tun");
  ifreq request{};
  std::strncpy(request.ifr_name, "line", IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  if (::ioctl(device.get(), TUNSETIFF, &request) != 0) give_up("TUNSETIFF");
  if (::ioctl(device.get(), TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) != 0) give_up("TUNSETOFFLOAD");
  return device;
}

struct Piece {
  double due = 0;  // seconds
  std::vector<uint8_t> bytes;
};

// Of the packets that it is cut into.
double bytes_on_line(const std::vector<uint8_t>& piece) {
  PieceHeader header{};
  std::memcpy(&header, piece.data(), sizeof(header));
  const auto size = static_cast<double>(piece.size() - sizeof(header));
  if (header.kind == 0 || header.content_bytes == 0) return size;
  return size + kHeaderBytes * (std::ceil(size / header.content_bytes) - 1);
}

// One way.
void carry(int from, int to, double delay, double bytes_per_second) {
  const Stopwatch watch;
  std::deque<Piece> on_its_way;
  double free_at = 0;  // when the line has sent what it has
  std::vector<uint8_t> buffer(kPieceBytes);
  for (;;) {
    const double now = watch.seconds();
    for (;;) {
      const ssize_t size = ::read(from, buffer.data(), buffer.size());
      if (size <= static_cast<ssize_t>(sizeof(PieceHeader))) break;
      if (free_at - now > kMostWaiting) continue;
      Piece piece{.bytes = {buffer.begin(), buffer.begin() + size}};
      free_at = std::max(free_at, now) + bytes_on_line(piece.bytes) / bytes_per_second;
      piece.due = free_at + delay;
      on_its_way.push_back(std::move(piece));
    }
    while (!on_its_way.empty() && on_its_way.front().due <= watch.seconds()) {
      // What the other end has no room for is lost.
      static_cast<void>(!::write(to, on_its_way.front().bytes.data(), on_its_way.front().bytes.size()));
      on_its_way.pop_front();
    }
    // What comes waits in the device meanwhile: a look at each packet by itself would take a whole processor.
    const timespec tick{.tv_sec = 0, .tv_nsec = on_its_way.empty() ? 2'000'000 : 1'000'000};
    ::ppoll(nullptr, 0, &tick, nullptr);
  }
}

}  // namespace
}  // namespace templar::testing

int main(int argc, char** argv) {
  using namespace templar;
  if (argc != 5) {
    std::fprintf(stderr, "usage: long_line NAMESPACE NAMESPACE DELAY_MS MBIT_PER_SECOND\n");
    return 2;
  }
  const double delay = std::atof(argv[3]) / 1e3;
  const double bytes_per_second = std::atof(argv[4]) * 1e6 / 8;
  const Descriptor one = testing::open_device(argv[1]);
  const Descriptor other = testing::open_device(argv[2]);
  std::thread([&] { testing::carry(one.get(), other.get(), delay, bytes_per_second); }).detach();
  std::thread([&] { testing::carry(other.get(), one.get(), delay, bytes_per_second); }).detach();
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  std::_Exit(0);
}
