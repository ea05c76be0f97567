#include "support/json_values.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace templar::testing {
namespace {

// The place that the path's last part names is in `parent`: a member's name, or an item's index as "[3]".
struct Place {
  Json* parent;
  std::string_view name;
};

size_t index_of(std::string_view name) {
  size_t index = 0;
  std::from_chars(name.data() + 1, name.data() + name.size(), index);
  return index;
}

Json& child(const Place& place) {
  if (!place.name.starts_with('[')) return (*place.parent)[place.name];
  JsonList* list = place.parent->list();
  if (list == nullptr || index_of(place.name) >= list->size()) wrong_json(*place.parent, place.name);
  return (*list)[index_of(place.name)];
}

Place place_at(Json& json, std::string_view path) {
  Place place{.parent = &json, .name = {}};
  for (;;) {
    const size_t end = std::min(path.find_first_of(".[", 1), path.size());
    place.name = path.substr(0, end);
    path.remove_prefix(end);
    if (path.empty()) return place;
    if (path.starts_with('.')) path.remove_prefix(1);
    place.parent = &child(place);
  }
}

}  // namespace

Json parsed_json(std::string_view text) {
  auto json = parse_json(text);
  if (json) return std::move(*json);
  std::fprintf(stderr, "%s: %s\n", json.error().message.c_str(), std::string(text.substr(0, 1000)).c_str());
  std::exit(1);
}

Json& part(Json& json, std::string_view path) {
  return child(place_at(json, path));
}

void erase_part(Json& json, std::string_view path) {
  const Place place = place_at(json, path);
  if (place.name.starts_with('[')) {
    JsonList& list = *place.parent->list();
    list.erase(list.begin() + static_cast<ptrdiff_t>(index_of(place.name)));
  } else if (std::erase_if(*place.parent->object(),
                           [&](const JsonMember& member) { return member.name == place.name; }) == 0) {
    wrong_json(*place.parent, place.name);
  }
}

void wrong_json(const Json& json, std::string_view wanted) {
  std::fprintf(stderr, "wanted: %s; there is %s\n", std::string(wanted).c_str(),
               to_text(json).substr(0, 1000).c_str());
  std::exit(1);
}

}  // namespace templar::testing
