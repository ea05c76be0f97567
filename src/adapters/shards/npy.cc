#include "adapters/shards/npy.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

#include "base/check.h"

namespace templar {
namespace {

constexpr std::string_view kNumpyMagic = "\x93NUMPY";
constexpr size_t kMaxHeader = 65536;
constexpr size_t kMaxDimensions = 8;

// Reads the Python literal that describes the array: one dictionary of a fixed form.
class HeaderText {
 public:
  explicit HeaderText(std::string_view text) : text_(text) {}

  void skip_spaces() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n')) text_.remove_prefix(1);
  }
  [[nodiscard]] bool take(std::string_view wanted) {
    skip_spaces();
    if (!text_.starts_with(wanted)) return false;
    text_.remove_prefix(wanted.size());
    return true;
  }
  [[nodiscard]] bool at_end() {
    skip_spaces();
    return text_.empty();
  }
  // A quoted word without escapes.
  [[nodiscard]] Result<std::string_view> word() {
    skip_spaces();
    if (text_.empty() || (text_.front() != '\'' && text_.front() != '"'))
      return fatal_error("a quoted word is missing");
    const size_t end = text_.find(text_.front(), 1);
    if (end == std::string_view::npos) return fatal_error("a quote is not closed");
    const std::string_view found = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return found;
  }
  [[nodiscard]] Result<uint64_t> number() {
    skip_spaces();
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc()) return fatal_error("a number is missing or too large");
    text_.remove_prefix(static_cast<size_t>(end - text_.data()));
    return value;
  }

 private:
  std::string_view text_;
};

Result<std::vector<uint64_t>> parse_shape(HeaderText& text) {
  if (!text.take("(")) return fatal_error("shape is not a tuple");
  std::vector<uint64_t> shape;
  while (!text.take(")")) {
    if (shape.size() == kMaxDimensions) return fatal_error("shape has more than 8 dimensions");
    TRY_ASSIGN(const uint64_t size, text.number());
    shape.push_back(size);
    if (text.take(",")) continue;
    if (!text.take(")") || shape.size() == 1)
      return fatal_error("shape is not a tuple");  // "(5)" is a number
    break;
  }
  return shape;
}

Status parse_field(HeaderText& text, NpyHeader& header, unsigned& seen) {
  TRY_ASSIGN(const std::string_view key, text.word());
  if (!text.take(":")) return fatal_error("a colon is missing after " + std::string(key));
  const unsigned bit = key == "descr" ? 1 : key == "fortran_order" ? 2 : key == "shape" ? 4 : 0;
  if (bit == 0) return fatal_error("unknown key " + std::string(key));
  if ((seen & bit) != 0) return fatal_error(std::string(key) + " stands twice");
  seen |= bit;
  if (bit == 1) {
    TRY_ASSIGN(const std::string_view dtype, text.word());
    header.dtype = dtype;
  } else if (bit == 2) {
    header.is_fortran_order = text.take("True");
    if (!header.is_fortran_order && !text.take("False"))
      return fatal_error("fortran_order is neither True nor False");
  } else {
    TRY_ASSIGN(header.shape, parse_shape(text));
  }
  return {};
}

Status parse_dictionary(std::string_view literal, NpyHeader& header) {
  HeaderText text(literal);
  if (!text.take("{")) return fatal_error("the header is not a dictionary");
  unsigned seen = 0;
  while (!text.take("}")) {
    TRY(parse_field(text, header, seen));
    if (text.take(",")) continue;
    if (!text.take("}")) return fatal_error("the dictionary is not closed");
    break;
  }
  if (!text.at_end()) return fatal_error("something follows the dictionary");
  if (seen != 7) return fatal_error("descr, fortran_order or shape is missing");
  header.count = 1;
  for (const uint64_t size : header.shape) {
    if (__builtin_mul_overflow(header.count, size, &header.count))
      return fatal_error("the shape is too large");
  }
  return {};
}

// How the values of a file are stored.
struct IntegerType {
  size_t size = 0;
  bool is_signed = false;
  bool is_big_endian = false;
};

// "<u4", ">i8", "|u1"; nullopt for what holds no integers.
std::optional<IntegerType> integer_type(std::string_view dtype) {
  if (dtype.size() != 3 || !std::string_view("<>|=").contains(dtype[0])) return std::nullopt;
  if (dtype[1] != 'u' && dtype[1] != 'i') return std::nullopt;
  if (!std::string_view("1248").contains(dtype[2])) return std::nullopt;
  return IntegerType{.size = static_cast<size_t>(dtype[2] - '0'),
                     .is_signed = dtype[1] == 'i',
                     .is_big_endian = dtype[0] == '>'};
}

// The value's bits, a negative one's sign extended.
uint64_t load(const uint8_t* bytes, const IntegerType& type) {
  uint64_t bits = 0;
  for (size_t i = 0; i < type.size; ++i)
    bits |= uint64_t{bytes[type.is_big_endian ? type.size - 1 - i : i]} << (8 * i);
  const size_t unused = 64 - 8 * type.size;
  return type.is_signed ? static_cast<uint64_t>(static_cast<int64_t>(bits << unused) >> unused) : bits;
}

// Where the values of an array in Fortran order stand in the file, in C order: the last index runs fastest.
class FortranOrder {
 public:
  explicit FortranOrder(std::vector<uint64_t> shape)
      : shape_(std::move(shape)), index_(shape_.size(), 0), strides_(shape_.size(), 1) {
    for (size_t i = 1; i < shape_.size(); ++i) strides_[i] = strides_[i - 1] * shape_[i - 1];
  }
  [[nodiscard]] uint64_t position() const { return position_; }
  void next() {
    for (size_t i = shape_.size(); i-- > 0;) {
      position_ += strides_[i];
      if (++index_[i] < shape_[i]) return;
      position_ -= strides_[i] * shape_[i];
      index_[i] = 0;
    }
  }

 private:
  std::vector<uint64_t> shape_;
  std::vector<uint64_t> index_;
  std::vector<uint64_t> strides_;
  uint64_t position_ = 0;
};

template <typename T>
Result<std::vector<T>> copy_values(ByteView data, const NpyHeader& header, const IntegerType& type) {
  std::vector<T> values;
  values.reserve(header.count);
  FortranOrder order(header.shape);
  for (uint64_t i = 0; i < header.count; ++i, order.next()) {
    const uint64_t position = header.is_fortran_order ? order.position() : i;
    const uint64_t bits = load(data.data() + position * type.size, type);
    if (static_cast<T>(bits) != bits) {
      return fatal_error(
          fmt::format("value {} is {}, no token id", i,
                      type.is_signed ? std::to_string(static_cast<int64_t>(bits)) : std::to_string(bits)));
    }
    values.push_back(static_cast<T>(bits));
  }
  return values;
}

template <typename T>
Result<NpyArray<T>> open_npy(const std::filesystem::path& path, std::string_view dtype) {
  TRY_ASSIGN(MappedFile file, MappedFile::open(path));
  const Result<NpyHeader> header = parse_npy_header(file.bytes());
  if (!header) return annotate(header.error(), path.string());
  const std::optional<IntegerType> type = integer_type(header->dtype);
  if (!type) {
    return fatal_error(
        fmt::format("{}: holds {} values, no integers; if they are whole numbers, convert the file with "
                    "python3 -c \"import "
                    "numpy as n; n.save('OUT.npy', n.load('IN.npy').astype('{}'))\"",
                    path.string(), header->dtype, dtype));
  }
  const ByteView data = file.bytes().subspan(header->data_offset);
  if (data.size() / type->size != header->count || data.size() % type->size != 0) {
    return fatal_error(path.string() + ": " + std::to_string(data.size()) +
                       " bytes of values, its header says " + std::to_string(header->count) + " values of " +
                       std::to_string(type->size) + " bytes");
  }
  NpyArray<T> array{std::move(file), {}, {}};
  const bool is_in_place = header->dtype == dtype && header->data_offset % alignof(T) == 0 &&
                           (!header->is_fortran_order || header->shape.size() < 2);
  if (is_in_place) {
    array.values = {reinterpret_cast<const T*>(data.data()), header->count};
    return array;
  }
  auto copy = copy_values<T>(data, *header, *type);
  if (!copy) return annotate(copy.error(), path.string());
  array.copy = *std::move(copy);
  array.values = array.copy;
  return array;
}

}  // namespace

Result<NpyHeader> parse_npy_header(ByteView file) {
  ByteReader reader(file);
  const Result<ByteView> magic = reader.get_bytes(kNumpyMagic.size(), "magic");
  if (!magic || as_text(*magic) != kNumpyMagic) return fatal_error("not a .npy file");
  const Result<uint8_t> major = reader.get<uint8_t>("version");
  const Result<uint8_t> minor = reader.get<uint8_t>("version");
  if (!major || !minor) return fatal_error("truncated .npy header");
  if (*major < 1 || *major > 3 || *minor != 0) {
    return fatal_error("unknown .npy version " + std::to_string(*major) + "." + std::to_string(*minor));
  }
  uint64_t length = 0;
  if (*major == 1) {
    const Result<uint16_t> short_length = reader.get<uint16_t>("header length");
    if (!short_length) return fatal_error("truncated .npy header");
    length = *short_length;
  } else {
    const Result<uint32_t> long_length = reader.get<uint32_t>("header length");
    if (!long_length) return fatal_error("truncated .npy header");
    length = *long_length;
  }
  if (length > kMaxHeader)
    return fatal_error("a .npy header of " + std::to_string(length) + " bytes is too large");
  const Result<ByteView> literal = reader.get_bytes(length, "header");
  if (!literal) return fatal_error("truncated .npy header");
  NpyHeader header;
  header.data_offset = reader.position();
  if (const Status parsed = parse_dictionary(as_text(*literal), header); !parsed) {
    return annotate(parsed.error(), "bad .npy header");
  }
  return header;
}

Bytes make_npy_header(std::string_view dtype, uint64_t count) {
  std::string text = "{'descr': '" + std::string(dtype) + "', 'fortran_order': False, 'shape': (" +
                     std::to_string(count) + ",), }";
  const size_t text_size = kNpyHeaderSize - kNumpyMagic.size() - 4;
  CHECK(text.size() < text_size);
  text.append(text_size - 1 - text.size(), ' ');
  text += '\n';
  ByteWriter writer;
  writer.put_bytes(as_bytes(kNumpyMagic));
  writer.put<uint8_t>(1);
  writer.put<uint8_t>(0);
  writer.put(static_cast<uint16_t>(text_size));
  writer.put_bytes(as_bytes(text));
  return writer.take();
}

Result<NpyArray<uint32_t>> open_npy_u32(const std::filesystem::path& path) {
  return open_npy<uint32_t>(path, "<u4");
}
Result<NpyArray<uint64_t>> open_npy_u64(const std::filesystem::path& path) {
  return open_npy<uint64_t>(path, "<u8");
}

}  // namespace templar
